"""Find every fault of a client's document, by the checks with which the server reads it."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from auth_server.client_documents.document import UnusableDocument, parse_document, read_object

_JSON = "application/json"
_URIS = ("redirect_uris", "post_logout_redirect_uris")
_AUTHENTICATION = (
    "token_endpoint_auth_method",
    "token_endpoint_auth_methods_supported",
    "jwks",
    "jwks_uri",
)


def find_faults(
    body: bytes, content_type: str, *, client_id: str, private_use_schemes: Collection[str]
) -> list[str]:
    """List the faults that `parse_document` would find one after the other.

    Each member is tried in a document that is otherwise sound.
    """
    sound = {
        "client_id": client_id,
        "client_name": "App",
        "redirect_uris": ["https://app.example/callback"],
    }

    def refusal(document: dict[str, Any]) -> str:
        try:
            parse_document(
                json.dumps(document).encode(),
                _JSON,
                client_id=client_id,
                private_use_schemes=private_use_schemes,
            )
        except UnusableDocument as error:
            return str(error)
        return ""

    found = []
    try:
        read_object(b"{}", content_type)
    except UnusableDocument as error:
        found.append(str(error))
    try:
        document = read_object(body, _JSON)
    except UnusableDocument as error:
        return [*found, str(error)]
    found += [refusal({**sound, **part}) for part in _parts(dict.fromkeys(sound) | document)]
    found.append(refusal(document))
    return [fault for fault in dict.fromkeys(found) if fault]


def _parts(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Divide a document into members that are checked independently of each other."""
    yield {name: document[name] for name in _AUTHENTICATION if name in document}
    for name, value in document.items():
        if name in _URIS and isinstance(value, list):
            good = ["https://app.example/callback"]
            yield {name: good * len(value)}
            yield from ({name: good * place + [uri]} for place, uri in enumerate(value[:100]))
        elif name not in _AUTHENTICATION:
            yield {name: value}
