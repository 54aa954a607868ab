"""The public page that shows how to connect each app, and `llms.txt` for agents."""
