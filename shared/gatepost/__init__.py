"""Pure values that both services must agree on, without a web framework or database.

A module belongs here only if both `auth_server` and `mcp_gateway` import it. The services share
only these modules, and otherwise communicate over HTTP.
"""
