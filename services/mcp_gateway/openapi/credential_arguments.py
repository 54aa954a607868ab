"""Recognise the arguments that ask for the API's own credential."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.requests.operation import Operation

_NAMES = frozenset(
    """accesskey accesstoken apikey apisecret apitoken authkey authorization authtoken clientsecret
    oauthtoken secretkey""".split()  # noqa: SIM905 - read as words
)
_OFTEN_DATA = "token"
"""Beside a security scheme a credential; elsewhere it may be an invitation or a device."""
_DESCRIBED = frozenset({"auth", "clientid", "key", "secret", "sid"})
"""A credential only if the description says so."""
_SAYS_CREDENTIAL = re.compile(
    r"\b(?:api[ _-]?key|api `?(?:secret|token|client[ _]id)\b|access[ _-]?token|credentials?|authenticat\w*|oauth)\b",
    re.IGNORECASE,
)
_DEEPEST = 6
_SAME = ("anyOf", "oneOf", "allOf")


def credential_arguments(schema: Mapping[str, Any], operation: Operation) -> list[str]:
    """Return the arguments that look like the API's credential, such as `token` or `auth.api_key`.

    Where the operation has a security scheme, a part of the path names a record, such as an invitation by
    its token, and a credential there would be in a URL.

    Args:
        schema: a published input schema.
        operation: the operation.
    """
    secured = bool(operation.security)
    in_path = {one.argument for one in operation.parameters if one.location == "path" and secured}
    found = dict.fromkeys(
        path
        for path, node in _arguments("", schema, schema.get("$defs", {}), _DEEPEST)
        if path not in in_path
        and _may_be_text(node)
        and _means_credential(path, node, secured=secured)
    )
    return list(found)


def _means_credential(path: str, node: Mapping[str, Any], *, secured: bool) -> bool:
    above, _, last = path.rpartition(".")
    name = re.sub(r"[^a-z]", "", last.lower())
    if name in _NAMES:
        return True
    if above:
        return False
    described = name in _DESCRIBED and _SAYS_CREDENTIAL.search(str(node.get("description", "")))
    return bool((secured and name == _OFTEN_DATA) or described)


def _arguments(
    path: str, node: Any, definitions: Mapping[str, Any], depth: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every property with its path, as far as a model could reasonably fill it."""
    if not isinstance(node, Mapping) or depth < 0:
        return
    if "$ref" in node:
        target = definitions.get(str(node["$ref"]).rpartition("/")[2])
        yield from _arguments(path, target, definitions, depth - 1)
    for name, child in node.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        if isinstance(child, Mapping):
            yield inner, child
        yield from _arguments(inner, child, definitions, depth - 1)
    for keyword in _SAME:
        for child in node.get(keyword, ()):
            yield from _arguments(path, child, definitions, depth - 1)
    if "items" in node:
        yield from _arguments(f"{path}[]", node["items"], definitions, depth - 1)


def _may_be_text(node: Mapping[str, Any]) -> bool:
    kinds = node.get("type", "string")
    return "string" in ([kinds] if isinstance(kinds, str) else kinds)
