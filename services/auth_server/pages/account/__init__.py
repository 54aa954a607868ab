"""The account pages: a person's connections, keys, sessions and organisations."""
