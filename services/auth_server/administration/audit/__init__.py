"""The audit log as operators search and export it."""
