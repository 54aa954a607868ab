"""Projects: bodies of work, each owned by one team."""
