"""`gatepost auth-server clients …` and `api-keys …`: what operators manage by hand."""
