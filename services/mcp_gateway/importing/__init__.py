"""`gatepost import`: propose a manifest for an OpenAPI document. Command line only."""
