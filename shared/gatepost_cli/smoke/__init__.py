"""`gatepost smoke`: an MCP client that checks a deployment after a roll-out."""
