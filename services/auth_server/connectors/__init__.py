"""Sign people in with the SaaS product's own provider: one connector for each protocol.

A connector sends a browser to a provider and reads its callback. It does not use sessions, people
or the database; it returns the provider's statement as an `AssertedIdentity`.
"""
