"""The short-lived tokens with which the component in a SaaS's own pages acts for one person in one tenant."""
