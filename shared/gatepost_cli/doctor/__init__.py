"""`gatepost doctor`: what each known MCP client would meet at a deployment."""
