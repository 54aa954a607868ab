"""The commands for what the server sends: mails and webhooks."""
