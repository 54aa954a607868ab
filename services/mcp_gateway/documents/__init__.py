"""Fetch documents, resolve their references, and convert Swagger 2.0 to OpenAPI 3.0."""
