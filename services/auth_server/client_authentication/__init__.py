"""Client authentication (RFC 6749 §2.3): one method a file; METHODS is the whole list.

Every endpoint that programs call authenticates them with `authenticate_client`.
"""
