"""Delegations: the part of a grant that an app handed to a sub-agent."""
