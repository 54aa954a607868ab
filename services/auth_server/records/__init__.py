"""Records: one folder per kind, with its table and the only SQL on that table."""
