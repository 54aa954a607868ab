"""The gateway's own HTTP/1.1 client, which sends every request that leaves the gateway."""
