"""The checks of what OpenID Connect adds to an authorization request."""
