"""What both services must agree on: pure values, no web framework, no database.

A module belongs here only while `auth_server` and `mcp_gateway` both import it. The services meet
in these modules and over HTTP, and nowhere else.
"""
