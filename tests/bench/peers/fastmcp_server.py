"""FastMCP's server from an OpenAPI document, with its own verifier of JWTs.

`python fastmcp_server.py PORT DOCUMENT API ISSUER RESOURCE`, in an environment that has FastMCP.
"""

import json
import sys
from pathlib import Path

import httpx2
import uvicorn
from fastmcp import FastMCP  # type: ignore[import-not-found]
from fastmcp.server.auth.providers.jwt import JWTVerifier  # type: ignore[import-not-found]
from starlette.requests import Request
from starlette.responses import Response

if __name__ == "__main__":
    port, document, api, issuer, resource = sys.argv[1:]
    server = FastMCP.from_openapi(
        json.loads(Path(document).read_text()),
        client=httpx2.AsyncClient(base_url=api),
        auth=JWTVerifier(
            jwks_uri=f"{issuer}/jwks.json", issuer=issuer, audience=resource, algorithm="ES256"
        ),
    )

    @server.custom_route("/livez", methods=["GET"])  # type: ignore[untyped-decorator]
    async def livez(_: Request) -> Response:
        """Say that it serves."""
        return Response()

    app = server.http_app(path="/mcp", json_response=True, stateless_http=True)
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)
