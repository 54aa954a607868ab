"""Backups of the database: what `backup-verify` checks, and the copy in which it looks."""
