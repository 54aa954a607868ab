"""The form of lists (RFC 7644 §3.4.2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from auth_server.scim.errors import answer

_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def list_response(total: int, resources: Sequence[Mapping[str, Any]], *, skip: int = 0) -> Response:
    """Make the response to a query: some of `total` resources, after `skip` of them."""
    body = {
        "schemas": [_LIST],
        "totalResults": total,
        "startIndex": skip + 1,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }
    return answer(body)
