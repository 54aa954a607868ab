"""The admin API of signing keys, the audit log, operators and admin tokens."""
