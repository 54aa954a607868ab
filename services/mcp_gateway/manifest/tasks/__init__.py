"""Jobs of the API that clients follow, as the manifest declares them."""
