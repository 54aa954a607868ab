"""The gateway's own HTTP/1.1 client, which carries every request that leaves the gateway."""
