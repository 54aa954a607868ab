"""Convert the schemas of OpenAPI documents to the input schemas of tools."""
