"""The console's pages of signing keys, the audit log, operators and admin tokens."""
