"""People: signing in to Orbit itself, and their profile."""
