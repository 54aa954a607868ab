"""The metadata that a deployment publishes, which every client reads first."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

PROTOCOL = {"mcp-protocol-version": "2025-11-25"}
POINTER = re.compile(r'\bresource_metadata="([^"]+)"')
_SCOPE = re.compile(r'\bscope="([^"]*)"')
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "gatepost doctor", "version": "0"},
    },
}


@dataclass(frozen=True, slots=True)
class Seen:
    """The deployment's metadata, and the problems that affect every client.

    Attributes:
        issuer: the given issuer of the authorization server.
        metadata: its first metadata document; empty without one.
        places: the URLs of the documents, including those of the resource.
        resource: the given MCP endpoint.
        scope: the scopes that its challenge names.
        problems: each a sentence without a full stop.
    """

    issuer: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    resource: str | None = None
    scope: str | None = None
    problems: tuple[str, ...] = ()

    def lists(self, member: str, value: str, *, default: tuple[str, ...] = ()) -> bool:
        """Whether a list of the metadata holds a value."""
        listed = self.metadata.get(member, default)
        return isinstance(listed, list | tuple) and value in listed


async def look_at(http: httpx2.AsyncClient, issuer: str, resource: str | None) -> Seen:
    """Read everything once; a failed read adds a problem and raises nothing."""
    problems: list[str] = []
    documents = await _read_all(http, metadata_places(issuer), problems)
    if not documents:
        looked = ", ".join(metadata_places(issuer))
        problems.insert(0, f"no metadata document at any of {looked}")
    for place, document in documents.items():
        problems += (f"{place}: {what}" for what in judge_metadata(document, issuer))
    scope, pointed = None, dict[str, Mapping[str, Any]]()
    if resource is not None:
        scope, pointed = await _look_at_resource(http, issuer, resource, problems)
    return Seen(
        issuer=issuer,
        metadata=next(iter(documents.values()), {}),
        places=(*documents, *pointed),
        resource=resource,
        scope=scope,
        problems=tuple(problems),
    )


def metadata_places(issuer: str) -> list[str]:
    """List the URLs at which clients look for an issuer's metadata."""
    # MCP authorization 2025-11-25, Authorization Server Metadata Discovery: in this order.
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    places = [
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
    ]
    return [*places, f"{origin}{path}/.well-known/openid-configuration"] if path else places


def judge_metadata(document: Mapping[str, Any], issuer: str) -> Iterator[str]:
    """Name the faults of an authorization server's metadata that stop clients (RFC 8414 §2)."""
    named = document.get("issuer")
    if named != issuer:
        yield f"issuer is {named!r}, not byte for byte {issuer!r} (RFC 8414 section 3.3)"
    methods = document.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        yield "code_challenge_methods_supported does not list S256, so clients stop"
    for member in ("authorization_endpoint", "token_endpoint"):
        if not is_secure(document.get(member)):
            yield f"{member} is neither https nor http on loopback"
    registration = document.get("registration_endpoint")
    if registration is not None and not is_secure(registration):
        yield "registration_endpoint is neither https nor http on loopback"
    types = document.get("response_types_supported")
    if not isinstance(types, list) or "code" not in types:
        yield "response_types_supported does not list code"
    grants = document.get("grant_types_supported", ["authorization_code"])
    if not isinstance(grants, list) or "authorization_code" not in grants:
        yield "grant_types_supported does not list authorization_code"


def is_secure(url: object) -> bool:
    """Whether clients would call a URL: https, or http on this machine."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    loopback = host in {"localhost", "127.0.0.1", "::1"}
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))


async def _look_at_resource(
    http: httpx2.AsyncClient, issuer: str, resource: str, problems: list[str]
) -> tuple[str | None, dict[str, Mapping[str, Any]]]:
    parts = urlsplit(resource)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    well_known = f"{origin}/.well-known/oauth-protected-resource"
    places, scope = [f"{well_known}{path}"], None
    headers = {**PROTOCOL, "accept": "application/json, text/event-stream"}
    try:
        answer = await http.post(resource, json=INITIALIZE, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        problems.append(f"{resource}: {describe(error)}")
        return None, {}
    challenge = answer.headers.get("www-authenticate", "")
    pointer = POINTER.search(challenge)
    if answer.status_code != 401:
        problems.append(f"{resource} answers {answer.status_code} without a token, not 401")
    elif not challenge.lower().startswith("bearer"):
        problems.append(f"{resource}: the 401 has no WWW-Authenticate: Bearer challenge")
    elif pointer is None:
        problems.append(f"{resource}: the challenge has no resource_metadata")
    else:
        places.insert(0, pointer[1])
        asked = _SCOPE.search(challenge)
        scope = asked[1] if asked else None
    documents = await _read_all(http, list(dict.fromkeys(places)), problems)
    if not documents:
        problems.append(f"no protected resource metadata at {', '.join(places)}")
    for place, document in documents.items():
        if document.get("resource") != resource:
            named = document.get("resource")
            problems.append(f"{place}: resource is {named!r}, not byte for byte {resource!r}")
        servers = document.get("authorization_servers")
        if not isinstance(servers, list) or issuer not in servers:
            problems.append(f"{place}: authorization_servers does not list {issuer!r}")
        listed = document.get("scopes_supported")
        if scope is None and isinstance(listed, list):
            scope = " ".join(entry for entry in listed if isinstance(entry, str))
    return scope, documents


async def _read_all(
    http: httpx2.AsyncClient, places: list[str], problems: list[str]
) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for place in places:
        try:
            answer = await http.get(place, headers=PROTOCOL)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            problems.append(f"{place}: {describe(error)}")
            return found
        if answer.status_code == 200:
            document = read_object(answer)
            if document is None:
                problems.append(f"{place} answers 200, but not with a JSON object")
            else:
                found[place] = document
        elif not 400 <= answer.status_code < 500:
            problems.append(f"{place} answers {answer.status_code}")
    return found


def read_object(answer: httpx2.Response) -> Mapping[str, Any] | None:
    """Read an answer's JSON object; None if it is not one."""
    try:
        document = answer.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def describe(error: Exception) -> str:
    """Describe a failed request in a few words."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
