"""The documents that an MCP client reads before it has a token."""

from collections.abc import Mapping
from typing import Any

import httpx2

from gatepost_cli.doctor.deployment import (
    INITIALIZE,
    POINTER,
    PROTOCOL,
    describe,
    is_secure,
    judge_metadata,
    metadata_places,
    read_object,
)
from gatepost_cli.smoke.steps import StepFailed

_ROUTES = "compare the host and path rules of the load balancer with the setting"
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


async def fetch(http: httpx2.AsyncClient, method: str, url: str, **sent: Any) -> httpx2.Response:
    """Send one request; a failure to connect is explained.

    Raises:
        StepFailed: no answer came, or a 5xx.
    """
    try:
        answer = await http.request(method, url, **sent)
    except httpx2.HTTPError as error:
        said = describe(error)
        if "CERTIFICATE_VERIFY_FAILED" in said or "certificate" in said.lower():
            fix = "let the proxy send a certificate for this host with its whole chain"
        else:
            fix = "check that the service runs, the host's DNS record and the firewall"
        raise StepFailed(f"{method} {url}: {said}", fix) from None
    except httpx2.InvalidURL as error:
        raise StepFailed(f"{url} is not a URL: {error}", "correct the setting") from None
    if answer.status_code >= 500:
        fix = "read the service's log and its /readyz"
        raise StepFailed(f"{method} {url} answers {answer.status_code}", fix)
    return answer


async def read_challenge(http: httpx2.AsyncClient, resource: str) -> str:
    """Call without a token; return the URL of the metadata (RFC 9728 §5.1)."""
    headers = {**PROTOCOL, "accept": "application/json, text/event-stream"}
    answer = await fetch(http, "POST", resource, json=INITIALIZE, headers=headers)
    if answer.status_code != 401:
        wrong = f"{resource} answers {answer.status_code} without a token, not 401"
        if answer.status_code in {404, 405}:
            raise StepFailed(wrong, "give the MCP endpoint, which usually ends in /mcp")
        if answer.status_code in {301, 302, 307, 308}:
            raise StepFailed(wrong, "give the address that it redirects to, as `resource` has it")
        raise StepFailed(wrong, "let no proxy or other service answer for the gateway")
    challenge = answer.headers.get("www-authenticate", "")
    pointer = POINTER.search(challenge)
    if not challenge.lower().startswith("bearer") or pointer is None:
        raise StepFailed(
            "the 401 has no WWW-Authenticate: Bearer with resource_metadata",
            "let the proxy pass on the gateway's WWW-Authenticate header",
        )
    return pointer[1]


async def read_resource(http: httpx2.AsyncClient, place: str, resource: str) -> str:
    """Read the protected resource metadata (RFC 9728 §3); return the issuer."""
    document = await _read(http, place, f"{_ROUTES} `resource`")
    named = document.get("resource")
    if named != resource:
        raise StepFailed(
            f"resource is {named!r}, not byte for byte {resource!r}",
            f"set mcp_gateway.resource to {resource}, or test the address that people enter",
        )
    servers = document.get("authorization_servers")
    first = servers[0] if isinstance(servers, list) and servers else None
    if not isinstance(first, str):
        raise StepFailed("authorization_servers is empty", "set mcp_gateway.issuer")
    return first


async def read_server(http: httpx2.AsyncClient, issuer: str) -> Mapping[str, Any]:
    """Read the authorization server's metadata (RFC 8414 §3)."""
    place = metadata_places(issuer)[0]
    document = await _read(http, place, f"{_ROUTES} `issuer`")
    problems = list(judge_metadata(document, issuer))
    if problems:
        fix = "set auth_server.issuer and mcp_gateway.issuer to the same public URL"
        raise StepFailed("; ".join(problems), fix)
    return document


async def read_keys(http: httpx2.AsyncClient, metadata: Mapping[str, Any]) -> int:
    """Read the keys that verify access tokens (RFC 7517 §5); return their number."""
    place = metadata.get("jwks_uri")
    if not isinstance(place, str) or not is_secure(place):
        fix = "set auth_server.issuer to a https URL"
        raise StepFailed(f"jwks_uri is {place!r}, not a URL that clients would call", fix)
    document = await _read(http, place, f"{_ROUTES} `issuer`")
    keys = document.get("keys")
    usable = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
    if any(_PRIVATE_MEMBERS & key.keys() for key in usable):
        fix = "stop the server that answers there and replace its keys at once"
        raise StepFailed(f"{place} shows a private key", fix)
    if not any("kid" in key and "kty" in key for key in usable):
        fix = "run `gatepost keys list` on the authorization server"
        raise StepFailed(f"{place} lists no key with a kid", fix)
    return len(usable)


async def _read(http: httpx2.AsyncClient, place: str, fix: str) -> Mapping[str, Any]:
    answer = await fetch(http, "GET", place, headers=PROTOCOL)
    document = read_object(answer) if answer.status_code == 200 else None
    if document is None:
        kind = answer.headers.get("content-type", "no content type")
        raise StepFailed(f"{place} answers {answer.status_code} with {kind}, not JSON", fix)
    return document
