"""The steps of a tool call, one per file."""
