"""How MCP clients find the authorization server of an endpoint."""

from typing import Any
from urllib.parse import urlsplit

import httpx2


async def discover(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    """Follow the challenge to the authorization server's metadata (RFC 9728 §5, RFC 8414 §3)."""
    challenge = (await http.post(url, json={})).headers["www-authenticate"]
    where = challenge.partition('resource_metadata="')[2].partition('"')[0]
    issuer = urlsplit((await http.get(where)).json()["authorization_servers"][0])
    well_known = f"{issuer.scheme}://{issuer.netloc}/.well-known/oauth-authorization-server"
    metadata: dict[str, Any] = (await http.get(well_known + issuer.path.rstrip("/"))).json()
    return metadata
