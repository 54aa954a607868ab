"""JSON Schema: converting the schemas of OpenAPI documents to input schemas of tools."""
