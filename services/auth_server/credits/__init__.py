"""Prepaid credit: what pays for units beyond those that a plan includes."""
