"""Read security schemes as credentials that the gateway itself holds, never as arguments.

A document only describes a credential for the operator: where a key goes, or where to get a token.
The credential itself is configuration. Sources: OpenAPI 3.1.1 §4.8.27, §4.8.30.
"""

from collections.abc import Mapping
from typing import Any

from mcp_gateway.catalogue.security_scheme import Kind, SecurityScheme
from mcp_gateway.documents.references import References, UnresolvableReference

_PLACES: Mapping[str, Kind] = {"header": "header", "query": "query", "cookie": "cookie"}
_HTTP: Mapping[str, Kind] = {"basic": "basic", "bearer": "bearer"}


def read_security_schemes(
    root: Mapping[str, Any], references: References
) -> dict[str, SecurityScheme]:
    """Return the security schemes of a document by name."""
    try:
        components = references.follow(root.get("components"))
        named = components.get("securitySchemes") if isinstance(components, dict) else None
        schemes = references.follow(named)
    except UnresolvableReference:
        schemes = None
    found: dict[str, SecurityScheme] = {}
    for scheme, source in schemes.items() if isinstance(schemes, dict) else ():
        try:
            described = references.follow(source)
        except UnresolvableReference:
            continue
        if isinstance(described, dict):
            found[scheme] = _describe(scheme, described)
    return found


def read_security(
    root: Mapping[str, Any], operation: Mapping[str, Any]
) -> tuple[tuple[str, ...], ...]:
    """Return an operation's alternatives of schemes; its own list overrides the document's."""
    requirements = operation.get("security", root.get("security"))
    if not isinstance(requirements, list):
        return ()
    alternatives = [tuple(item) for item in requirements if isinstance(item, dict)]
    return () if () in alternatives else tuple(dict.fromkeys(alternatives))


def _describe(scheme: str, source: Mapping[str, Any]) -> SecurityScheme:
    kind, place = source.get("type"), str(source.get("in"))
    if kind == "apiKey" and place in _PLACES:
        return SecurityScheme(scheme, _PLACES[place], name=str(source.get("name", "")))
    http = str(source.get("scheme", "")).lower()
    if kind == "http" and http in _HTTP:
        return SecurityScheme(scheme, _HTTP[http])
    flows = source.get("flows")
    flow = flows.get("clientCredentials") if isinstance(flows, dict) else None
    if kind == "oauth2" and isinstance(flow, dict):
        scopes = flow.get("scopes")
        return SecurityScheme(
            scheme,
            "client_credentials",
            token_url=str(flow.get("tokenUrl", "")),
            scopes=tuple(map(str, scopes)) if isinstance(scopes, dict) else (),
        )
    return SecurityScheme(scheme, "other", name=f"{kind} {http}".strip()[:80])
