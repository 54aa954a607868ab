"""The `gatepost` command. It imports neither service: it starts them, or talks to them over HTTP."""
