"""`gatepost auth-server clients …`, `tenants …` and so on: what operators manage by hand."""
