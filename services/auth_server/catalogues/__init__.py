"""Catalogues: each version of each resource's tool list that a person may have been shown."""
