"""Counts of recent attempts to sign in, by address, account or other key."""
