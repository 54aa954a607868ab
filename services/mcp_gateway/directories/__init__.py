"""What public directories of MCP servers read of this gateway, and what they approved."""
