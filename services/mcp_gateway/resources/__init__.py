"""Resources as MCP serves them: listed and read."""
