"""OpenAPI: the operations of a document, their arguments, servers and credentials."""
