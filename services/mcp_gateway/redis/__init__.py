"""The connection to Redis that a gateway's parts share, and scripts that run there."""
