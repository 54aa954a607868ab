"""The picker: how people choose tools, data and a duration."""
