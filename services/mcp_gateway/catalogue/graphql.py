"""A GraphQL operation behind a tool: a person reviewed the query, and a model may set its variables.

The gateway sends it as the GraphQL over HTTP draft says: one POST with `query`, `operationName` and
`variables`. The query text is fixed, so a model can't reach anything else of the endpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from mcp_gateway.requests.request import HttpRequest


@dataclass(frozen=True, slots=True)
class GraphqlQuery:
    """One named operation of a GraphQL endpoint."""

    text: str
    name: str
    read_only: bool
    variables: Mapping[str, bool]
    """Variable name to whether the variable is required."""

    def wrap(self, request: HttpRequest) -> HttpRequest:
        """Wrap a request whose body is the variables into one that sends this query."""
        members = {
            "query": self.text,
            "operationName": self.name,
            "variables": orjson.Fragment(request.body or b"{}"),
        }
        kept = [header for header in request.headers if header[0].lower() != "content-type"]
        headers = (*kept, ("Content-Type", "application/json"))
        return HttpRequest(request.method, request.url, headers, orjson.dumps(members))
