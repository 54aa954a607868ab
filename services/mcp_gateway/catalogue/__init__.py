"""The catalogue: the tools, prompts and MCP resources that the gateway serves."""
