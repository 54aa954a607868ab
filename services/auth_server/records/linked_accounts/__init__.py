"""People's accounts at the authorization servers of APIs, linked in one tenant each."""
