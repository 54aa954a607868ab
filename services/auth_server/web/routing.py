"""Routers that declare the audience of their routes: programs or people."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route

from auth_server.web.posted_form import PostedForm

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""Turns off FastAPI's own spans, which hold query strings, and so codes and tokens."""


class _Router(APIRouter):
    """Serves HEAD wherever it serves GET (RFC 9110 §9.3.2)."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route."""
        methods = options.get("methods") or ("GET",)
        options["methods"] = [*methods, "HEAD"] if "GET" in methods else methods
        super().add_api_route(path, endpoint, **options)


class MachineRouter(_Router):
    """Has routes that programs call; errors are JSON."""

    def __init__(self, *, any_origin: bool = False, below: tuple[str, ...] = ()) -> None:
        """Start without routes.

        Args:
            any_origin: whether scripts of any origin may read the responses.
            below: prefixes of further paths, whose errors are JSON too.
        """
        super().__init__()
        self.any_origin = any_origin
        self.below = below


class PageRouter(_Router):
    """Has routes that browsers call; errors are pages, and each POST needs a `PostedForm`."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route.

        Raises:
            TypeError: the route takes POST requests and does not depend on a `PostedForm`.
        """
        super().add_api_route(path, endpoint, **options)
        route = self.routes[-1]
        if not isinstance(route, APIRoute) or "POST" not in (route.methods or ()):
            return
        if not _takes_posted_form(route.dependant):
            raise TypeError(f"POST {path} must depend on a PostedForm")


@dataclass(frozen=True, slots=True)
class Paths:
    """A set of paths: some as a whole, others by prefix."""

    whole: frozenset[str]
    below: tuple[str, ...]

    def __contains__(self, path: str) -> bool:
        """Return whether a path is in the set."""
        return path in self.whole or path.startswith(self.below)

    def and_below(self, prefix: str) -> "Paths":
        """Return these paths with those that begin with a prefix."""
        return Paths(self.whole, (*self.below, prefix))


def machine_paths(routers: Iterable[APIRouter], *, any_origin: bool = False) -> Paths:
    """Collect the paths that programs call; with `any_origin`, those that any script may read."""
    whole, below = set[str](), set[str]()
    for router in routers:
        if not isinstance(router, MachineRouter) or (any_origin and not router.any_origin):
            continue
        paths = [route.path for route in router.routes if isinstance(route, Route)]
        whole |= {path for path in paths if "{" not in path}
        below |= {path.partition("{")[0] for path in paths if "{" in path}
        if not any_origin:
            below |= set(router.below)
    return Paths(frozenset(whole), tuple(sorted(below)))


def _takes_posted_form(dependant: Dependant) -> bool:
    return isinstance(dependant.call, PostedForm) or any(
        _takes_posted_form(each) for each in dependant.dependencies
    )
