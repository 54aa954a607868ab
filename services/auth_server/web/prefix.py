"""Serve below the issuer's path, if it has one."""

from gatepost.logs import App, Receive, Scope, Send


class BelowPath:
    """Removes the issuer's path from requested paths, so that routes need not contain it.

    Other paths do not change: the well-known URLs at the root of the host, and the health routes.
    """

    def __init__(self, app: App, *, path: str) -> None:
        """Wrap an ASGI app; `path` is, for example, `/tenants/one`."""
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app with the shorter path."""
        if scope["type"] == "http" and scope["path"].startswith(f"{self._path}/"):
            scope = {**scope, "path": scope["path"][len(self._path) :]}
        await self._app(scope, receive, send)
