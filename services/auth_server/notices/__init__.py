"""Tell people and endpoints what happened: followers of the audit log, and daily checks."""
