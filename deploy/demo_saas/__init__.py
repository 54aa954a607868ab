"""Orbit, a multi-tenant project-tracking REST API: the demo of a SaaS that accepts Gatepost.

It imports nothing from Gatepost's services. What an API team writes to accept Gatepost is in
`access/assertion.py` and `access/gateway_keys.py`; how rows are kept apart is in `tenancy.py`.
"""
