"""Sign-in sessions of people, kept on the server; the cookie holds a random id alone."""
