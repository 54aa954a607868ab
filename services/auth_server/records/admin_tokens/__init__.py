"""The tokens of programs that call the admin API."""
