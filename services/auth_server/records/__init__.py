"""Records: one folder for each kind, with its table and the only SQL on that table."""
