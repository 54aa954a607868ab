"""Tools: the manifest that names them, the OpenAPI document they come from, the catalogue served."""
