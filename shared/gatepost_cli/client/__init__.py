"""The commands that act as an MCP client for a person."""
