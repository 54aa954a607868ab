"""The official SDK's low-level server with the tools of an OpenAPI document and a schema hook.

`python sdk_server.py PORT DOCUMENT API ISSUER RESOURCE`. Without the hook the SDK writes its whole
tool list for every call of the modern era.
"""

import json
import sys
from pathlib import Path
from typing import Any

import httpx2
import mcp_types
import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.lowlevel import Server
from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Verifier:
    """Verifies every token again, with a cached key."""

    def __init__(self, keys: KeySet, issuer: str, resource: str) -> None:
        """Take the keys, and what `iss` and `aud` must be."""
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer}, aud={"essential": True, "value": resource}
        )

    async def verify_token(self, token: str) -> AccessToken | None:
        """Verify one token."""
        claims = jwt.decode(token, self._keys, algorithms=["ES256"]).claims
        self._claims.validate(claims)
        scopes = claims["scope"].split()
        return AccessToken(token=token, client_id=claims["client_id"], scopes=scopes)


def build(document: dict[str, Any], api: str) -> Server[Any]:
    """Make the server."""
    client = httpx2.AsyncClient(base_url=api)
    paths: dict[str, str] = {}
    tools: dict[str, mcp_types.Tool] = {}
    for path, item in document["paths"].items():
        operation = item["get"]
        properties = {p["name"]: p["schema"] for p in operation["parameters"]}
        schema = {"type": "object", "properties": properties, "required": ["id"]}
        name = operation["operationId"]
        paths[name] = path
        tools[name] = mcp_types.Tool(
            name=name, description=operation["summary"], input_schema=schema
        )

    async def list_tools(_: Any, __: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=list(tools.values()))

    async def call_tool(_: Any, params: Any) -> mcp_types.CallToolResult:
        arguments = dict(params.arguments)
        path = paths[params.name].replace("{id}", arguments.pop("id"))
        response = await client.get(path, params=arguments)
        content: list[Any] = [mcp_types.TextContent(text=response.text)]
        return mcp_types.CallToolResult(content=content, structured_content=response.json())

    return Server(
        "peer",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda name: tools[name].input_schema,
    )


async def livez(_: Request) -> Response:
    """Say that it serves."""
    return Response()


if __name__ == "__main__":
    port, described, api, issuer, resource = sys.argv[1:]
    keys = KeySet.import_key_set(httpx2.get(f"{issuer}/jwks.json").json())
    app = build(json.loads(Path(described).read_text()), api).streamable_http_app(
        json_response=True,
        stateless_http=True,
        auth=AuthSettings(issuer_url=AnyHttpUrl(issuer), resource_server_url=AnyHttpUrl(resource)),
        token_verifier=Verifier(keys, issuer, resource),
        custom_starlette_routes=[Route("/livez", livez)],
    )
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)
