"""A GraphQL operation behind a tool: a query a person reviewed, whose variables a model may set.

Sent as the GraphQL over HTTP draft asks: one POST with `query`, `operationName` and `variables`.
Nothing else of the endpoint can be reached: the query text is fixed.
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
    """Variable to whether it must be given."""

    def wrap(self, request: HttpRequest) -> HttpRequest:
        """Make a request whose body is the variables one that asks this query."""
        members = {
            "query": self.text,
            "operationName": self.name,
            "variables": orjson.Fragment(request.body or b"{}"),
        }
        kept = [header for header in request.headers if header[0].lower() != "content-type"]
        headers = (*kept, ("Content-Type", "application/json"))
        return HttpRequest(request.method, request.url, headers, orjson.dumps(members))
