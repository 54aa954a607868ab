"""The feed of revocations, for gateways.

POST /internal/revocations   1 authenticate the gateway   2 answer what is new   3 or wait for it
"""
