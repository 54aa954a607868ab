"""Sign-in with a password, a code, a passkey or an identity provider; and sign-out.

Sign-in does not depend on consent.
"""
