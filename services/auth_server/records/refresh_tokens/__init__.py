"""Refresh tokens: hashed, rotated at each use, ended as a family."""
