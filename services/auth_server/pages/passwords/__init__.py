"""Choosing a new password: signed in, or with a link by mail."""
