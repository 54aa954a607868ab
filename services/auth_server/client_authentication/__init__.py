"""Client authentication (RFC 6749 §2.3), one method in each file; METHODS lists them all.

Every endpoint that requires authentication uses the `Authenticator`.
"""
