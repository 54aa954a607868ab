"""Bounds on the work that one request or one answer may cause."""
