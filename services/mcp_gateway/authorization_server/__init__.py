"""The gateway as a client of the authorization server."""
