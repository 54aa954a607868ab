"""The database: its engine, its two kinds of session, and raw SQL for both dialects."""
