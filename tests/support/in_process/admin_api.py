"""A program that calls the admin API."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx2

from auth_server.administration.admin_tokens import create_admin_token
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.scopes import SCOPES
from auth_server.secrets import new_secret
from support.in_process.auth_server import AuthServer

PROBLEM = "application/problem+json"


class AdminApi:
    """The admin API of a server, called with one token."""

    def __init__(self, http: httpx2.AsyncClient, token: str) -> None:
        """Take the connection and the token."""
        self._http = http
        self.token = token

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request below `/admin/v1`."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self._http.request(method, f"/admin/v1{path}", headers=headers, **options)


async def admin_api(
    server: AuthServer, scopes: Iterable[str] = SCOPES, *, lifetime: timedelta = timedelta(days=1)
) -> AdminApi:
    """Create a token with these scopes, and a program that uses it."""
    async with server.opened.transaction() as db:
        _, text = await create_admin_token(
            db,
            COMMAND_LINE,
            secret=new_secret(),
            label="Test",
            scopes=scopes,
            lifetime=lifetime,
            now=server.clock(),
        )
    return AdminApi(server.http, text)


def least_body(document: dict[str, Any], method: str, path: str) -> Any:
    """The smallest body that the API's document allows for an operation; None if it has none."""
    body = document["paths"][path][method.lower()].get("requestBody")
    if body is None:
        return None
    reference = body["content"]["application/json"]["schema"]["$ref"]
    return _least(document, reference)


def _least(document: dict[str, Any], reference: str) -> dict[str, Any]:
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    examples = {"string": "x", "boolean": True, "integer": 1, "array": ["tenants:read"]}
    properties, found = schema["properties"], {}
    for name in schema.get("required", []):
        items = properties[name].get("items", {})
        item = items.get("$ref")
        # A property without one type may be null.
        example = examples.get(properties[name].get("type", ""))
        given = items["enum"][:1] if "enum" in items else properties[name].get("enum", [example])[0]
        found[name] = given if item is None else [_least(document, item)]
    return found
