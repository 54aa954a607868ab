"""Projects, each owned by one team."""
