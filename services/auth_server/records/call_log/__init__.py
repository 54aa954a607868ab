"""The call log: every tool call that gateways report, stored once."""
