"""Linked accounts: people's own tokens for APIs that have an authorization server of their own.

`LinkProvider` is this server as a client there. `LinkedTokens` hands the access tokens to gateways and
renews them; `look_after_accounts` ends those that nothing uses, and tells the provider of their end.
"""
