"""A small client for MCP servers: what is sent, what is read, and the sessions of the handshake era."""
