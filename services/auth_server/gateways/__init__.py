"""Gateways as clients of this server: known by the settings, proven by the key they publish.

A gateway's client id is its resource string. It authenticates with `private_key_jwt` under the key
that signs its identity assertions, so the two services share no secret.
"""
