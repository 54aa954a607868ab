"""What the upstream knows the gateway by: where secrets come from, and where in a request they go."""
