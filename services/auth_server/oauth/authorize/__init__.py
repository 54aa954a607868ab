"""The authorization endpoint: checks, a stored transaction, and the step that comes next.

GET /authorize            CHECKS (checks/), then store the transaction, then /authorize/continue
GET /authorize/continue   next_step: sign in, choose a tenant, or consent
"""
