"""`gatepost tools …`: inspect a manifest, and the effects of changing it."""
