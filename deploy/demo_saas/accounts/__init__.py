"""People: signing in to Orbit itself, and who one is."""
