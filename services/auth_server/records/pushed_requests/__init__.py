"""Authorization requests that clients pushed, stored until the browser brings their address."""
