"""The routes beside the MCP endpoint: metadata, keys, catalogue and health."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gatepost.catalogue import CATALOGUE_PATH
from gatepost.health import check_readiness
from gatepost.network.organisation_address import has_address, organisation_prefix
from gatepost.network.stopping import Stopping
from gatepost.scopes import CATALOGUE
from mcp_gateway.auth.jwks import KeysUnavailable
from mcp_gateway.auth.protected_resource import WELL_KNOWN
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier

_ANY_ORIGIN = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET",
    "access-control-allow-headers": "authorization, content-type, mcp-protocol-version",
    "access-control-max-age": "3600",
}


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents that the gateway publishes beside the MCP endpoint."""

    path: str
    """The path of the MCP endpoint."""
    resource: Callable[[str], Mapping[str, Any]]
    """Describes the gateway's own resource, or the address of the organisation with this id."""
    jwks: Mapping[str, Any]
    catalogue: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Health:
    """The sources of the answer of `/readyz`."""

    checks: Mapping[str, Callable[[], Awaitable[None]]]
    """Each raises while the gateway must not receive requests."""
    details: Mapping[str, Callable[[], str]]
    """Each describes the state of a part whose failure does not stop calls."""
    stopping: Stopping


def operational_routes(documents: Documents) -> list[BaseRoute]:
    """Return the routes, which find the app's runtime in each request's state."""

    async def metadata(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_ANY_ORIGIN)
        organisation = request.path_params.get("organisation", "")
        # Every other organisation gets a document, so that it does not tell which tenants exist.
        if organisation and not has_address(organisation):
            raise HTTPException(404)
        return answer_json(documents.resource(organisation), headers=_ANY_ORIGIN)

    async def jwks(_: Request) -> Response:
        return answer_json(documents.jwks, headers={"cache-control": "public, max-age=300"})

    async def catalogue(request: Request) -> Response:
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        try:
            if scheme.lower() != "bearer":
                raise InvalidToken("send one access token as a Bearer token")
            verifier: TokenVerifier = request.state.verifier
            caller = await verifier.verify(token.strip().encode())
            if CATALOGUE not in caller.scopes:
                raise InvalidToken(f"the token lacks the scope {CATALOGUE}")
        except InvalidToken as problem:
            return answer_json(
                {"error": "invalid_token", "error_description": str(problem)},
                status=401,
                headers={"www-authenticate": 'Bearer error="invalid_token"'},
            )
        except KeysUnavailable:
            return answer_json(
                {"error": "temporarily_unavailable"}, status=503, headers={"retry-after": "5"}
            )
        return Response(
            documents.catalogue(),
            media_type="application/json",
            headers={"cache-control": "no-store"},
        )

    async def livez(_: Request) -> Response:
        return answer_json({"status": "ok"})

    async def startupz(_: Request) -> Response:
        # Before it has started, the gateway accepts no connection.
        return answer_json({"status": "started"})

    async def readyz(request: Request) -> Response:
        health: Health = request.state.health
        status, body = await check_readiness(health.checks, draining=health.stopping.draining)
        details = {name: describe() for name, describe in health.details.items()}
        return answer_json({**body, "details": details}, status=status)

    return [
        Route(WELL_KNOWN, metadata, methods=["GET", "OPTIONS"]),
        Route(WELL_KNOWN + documents.path, metadata, methods=["GET", "OPTIONS"]),
        Route(
            f"{organisation_prefix(WELL_KNOWN + documents.path)}{{organisation}}",
            metadata,
            methods=["GET", "OPTIONS"],
        ),
        Route("/.well-known/jwks.json", jwks),
        Route(CATALOGUE_PATH, catalogue),
        Route("/livez", livez),
        Route("/startupz", startupz),
        Route("/readyz", readyz),
    ]


def not_found(
    resource: str, connect_page: str
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Make the answer to other paths: 404 in JSON, which names the MCP endpoint.

    Some clients look for `/register` or `/token` here and then move on. A browser that opens the root
    is sent to the page that connects apps.
    """
    body = {"error": "not_found", "error_description": f"the MCP endpoint is {resource}"}

    async def answer(request: Request, _: Exception) -> Response:
        if request.url.path == "/" and "text/html" in request.headers.get("accept", ""):
            headers = {"location": connect_page, "vary": "Accept"}
            return Response(status_code=303, headers=headers)
        return answer_json(body, status=404)

    return answer


async def method_not_allowed(_: Request, error: Exception) -> Response:
    """Answer 405 in JSON, with the allowed methods."""
    headers = getattr(error, "headers", None)
    return answer_json({"error": "method_not_allowed"}, status=405, headers=headers)


async def fault(_: Request, __: Exception) -> Response:
    """Answer 503 in JSON when a route fails by a fault of the gateway, which is logged."""
    return answer_json({"error": "temporarily_unavailable"}, status=503)


def answer_json(
    body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a JSON object."""
    return Response(
        orjson.dumps(body), status_code=status, headers=headers, media_type="application/json"
    )
