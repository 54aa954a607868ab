"""Measure how long requests take, by route, for the metrics."""

from collections.abc import Collection
from time import perf_counter

from gatepost.logs import App, Message, Receive, Scope, Send
from gatepost.metrics.series import Histogram

KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """Observes the seconds of each request; long polls and all.

    The route is the one that the router found, since strangers choose paths.
    """

    def __init__(self, app: App, *, requests: Histogram, paths: Collection[str]) -> None:
        """Wrap an ASGI app; `paths` are those of plain routes and of mounted apps."""
        self._app = app
        self._paths = frozenset(paths)
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), "none"

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
            route = route_of(scope, self._paths)
            self._requests.observe((method, route, status), perf_counter() - started)


def route_of(scope: Scope, paths: Collection[str]) -> str:
    """Return the route that the router found, or else one of `paths`, or `other`."""
    route = getattr(scope.get("route"), "path", None)
    if isinstance(route, str):
        return route
    path: str = scope["path"]
    mounted = scope.get("root_path", "")
    return next((one for one in paths if path == one or mounted.endswith(one)), "other")
