"""The public page that says how to connect each app, and the same for agents as `llms.txt`."""
