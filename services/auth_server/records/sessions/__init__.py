"""People's sessions, stored on the server; the cookie contains only a random id."""
