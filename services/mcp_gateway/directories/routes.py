"""Serve the documents that directories and clients read before they connect."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcp_gateway.directories.published import PublicDocuments, Served

_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET",
    "access-control-allow-headers": "content-type, if-none-match",
    "access-control-expose-headers": "etag",
    "access-control-max-age": "3600",
    "cache-control": "public, max-age=3600",
    "x-content-type-options": "nosniff",
}


def published_routes(published: PublicDocuments) -> list[Route]:
    """Return a route for each document, open to every origin (SEP-2127, discovery)."""
    return [_route(path, served) for path, served in published.items()]


def _route(path: str, served: Served) -> Route:
    headers = {**_HEADERS, "etag": served.etag}

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_HEADERS)
        tags = _tags(request.headers.get("if-none-match", ""))
        if served.etag in tags or "*" in tags:  # RFC 9110 §13.1.2
            return Response(status_code=304, headers=headers)
        return Response(served.body, media_type=served.media_type, headers=headers)

    return Route(path, answer, methods=["GET", "OPTIONS"])


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header[:2_000].split(",")]
