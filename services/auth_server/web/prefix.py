"""Serving below the issuer's path, where it has one."""

from gatepost.logs import App, Receive, Scope, Send


class BelowPath:
    """Take the issuer's path off what is requested, so that routes are the same everywhere.

    What begins otherwise passes as it is: the well-known places at the root of the host, and the
    health routes.
    """

    def __init__(self, app: App, *, path: str) -> None:
        """Wrap an ASGI app; `path` is such as `/tenants/one`."""
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] == "http" and scope["path"].startswith(f"{self._path}/"):
            scope = {**scope, "path": scope["path"][len(self._path) :]}
        await self._app(scope, receive, send)
