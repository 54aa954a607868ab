"""Read an OpenAPI document: its operations, their arguments, servers and credentials."""
