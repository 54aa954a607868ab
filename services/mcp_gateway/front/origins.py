"""Compare the `Origin` header with the allowed origins."""


def match_origin(origin: bytes, allowed: frozenset[bytes]) -> bool:
    """Tell whether an origin is allowed; `http://localhost:*` allows every port of that host."""
    origin = origin.lower()
    host, _, port = origin.rpartition(b":")
    return origin in allowed or (port.isdigit() and host + b":*" in allowed)
