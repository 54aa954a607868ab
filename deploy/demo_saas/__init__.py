"""Orbit, a multi-tenant project-tracking REST API: the demo of a SaaS that accepts Gatepost.

It does not import Gatepost's services. `app.py` adds `gatepost_verify`, the package with which an API
team accepts Gatepost, and `access/caller.py` uses its answer; `tenancy.py` separates the rows of tenants.
"""
