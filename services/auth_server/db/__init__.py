"""The database: its engine, its two kinds of session, and hand-written SQL on either dialect."""
