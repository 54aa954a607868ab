"""Prompts as MCP serves them: listed, filled in, completed."""
