"""`gatepost import`: proposing a manifest from an OpenAPI document. Command line only."""
