"""The call log: every tool call that gateways tell of, each once."""
