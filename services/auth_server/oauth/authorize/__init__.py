"""The authorization endpoint: it checks and stores requests, and decides the next step.

GET /authorize            CHECKS (checks/), then store the request, then /authorize/continue
GET /authorize/continue   next_step: sign in, choose a tenant, or consent
"""
