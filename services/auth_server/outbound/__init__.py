"""Requests to URLs that strangers name: guarded, limited and cached."""
