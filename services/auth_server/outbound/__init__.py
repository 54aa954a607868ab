"""Requests to addresses that strangers name: guarded, limited, and cached."""
