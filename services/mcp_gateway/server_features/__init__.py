"""The features of an MCP server beside tools: prompts, resources and completion."""
