"""Texts in other languages than English, a file each, called by its language tag."""
