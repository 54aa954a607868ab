"""The database schema: every table, and the migrations that create them."""
