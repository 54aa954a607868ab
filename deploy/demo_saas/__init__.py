"""Orbit, a multi-tenant project-tracking REST API: the demo of a SaaS that accepts Gatepost.

It does not import Gatepost's services. `access/assertion.py` and `access/gateway_keys.py` show the
code that an API team writes to accept Gatepost; `tenancy.py` separates the rows of tenants.
"""
