"""The other features of an MCP server: prompts, resources and completion."""
