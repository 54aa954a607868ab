"""Every request with which an operator reads the console and the admin API."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from fastapi.routing import iter_route_contexts

from support.in_process.auth_server import AuthServer

_BY = ("tool", "tenant", "client", "person", "api")
_ORDERS = ("calls", "errors", "refused", "units", "p95")
_PERIODS = tuple(f"days={days}" for days in (1, 7, 30))
_USAGE = (
    *(f"by={by}&{days}" for by in _BY for days in _PERIODS),
    *(f"by={by}&days=30&order={order}" for by in _BY for order in _ORDERS[1:]),
    *(f"by={by}&{days}&api=orbit" for by in _BY for days in _PERIODS),
)
_CALLS = (
    "",
    "tenant={tenant}",
    "person={email}",
    "client={client}",
    "tool={tool}",
    "tool=none",
    "outcome=error",
    "reason=invalid_arguments",
    "tenant={tenant}&person={person}",
    "tenant={tenant}&tool=none",
)
_LISTS = ("", "search=3", "search=nothing", "after=5")
_AUDIT = (
    "",
    "event=session.ended",
    "tenant{id}={tenant}",
    "client{id}={client}",
    "person{id}={person}",
    "grant{id}={grant}",
    "event=nothing",
)
_TIMES = "since=2026-11-01T00:00:00Z&until=2026-11-20T00:00:00Z"
_PAGES = {
    "/console": _PERIODS,
    "/console/usage": _USAGE,
    "/console/usage/export": _USAGE[:4],
    "/console/calls": (*_CALLS, "hours=720&tool=none", "hours=24&outcome=error"),
    "/console/calls/export": ("hours=24", "hours=24&format=csv"),
    "/console/call": ("call={call}",),
    "/console/playground": ("",),
    "/console/tenants": _LISTS,
    "/console/tenant": ("tenant={tenant}",),
    "/console/tenant/members": ("tenant={tenant}", "tenant={tenant}&search=a"),
    "/console/tenant/connections": ("tenant={tenant}", "tenant={tenant}&after=a"),
    "/console/tenant/rules": ("tenant={tenant}",),
    "/console/people": (*_LISTS, "search={email}"),
    "/console/person": ("person={person}",),
    "/console/clients": (*_LISTS, "source=managed"),
    "/console/client": ("client={client}",),
    "/console/webhooks": ("", "search=3", "state=disabled"),
    "/console/webhook": ("endpoint={endpoint}",),
    "/console/audit": (
        *(query.replace("{id}", "") for query in _AUDIT),
        "since=2026-11-01&until=2026-11-20",
    ),
    "/console/audit/export": ("person={person}", "person={person}&format=ocsf"),
}
_ROUTES = {
    "/overview": _PERIODS,
    "/usage": _USAGE,
    "/calls": (*_CALLS, _TIMES),
    "/calls/export": ("since=2026-11-28T12:00:00Z",),
    "/tenants": _LISTS,
    "/people": _LISTS,
    "/clients": (*_LISTS, "source=managed"),
    "/client": ("client_id={client}",),
    "/client/secrets": ("client_id={client}",),
    "/audit": (*(query.replace("{id}", "_id") for query in _AUDIT), _TIMES),
    "/audit/export": ("person_id={person}",),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the requests name."""

    tenant: str
    person: str
    email: str
    client: str
    call: str
    grant: str
    tool: str
    endpoint: str


def console_pages(server: AuthServer, known: Known) -> Iterator[str]:
    """List the console's pages and downloads, with queries; a tool's form needs a gateway."""
    for route in iter_route_contexts(server.app.routes):
        path = route.path or ""
        if "GET" in (route.methods or ()) and _is_read(path):
            yield from _fill(path, _PAGES.get(path, ("",)), known)


def _is_read(path: str) -> bool:
    return path.startswith("/console") and path != "/console/playground/tool"


async def admin_routes(server: AuthServer, known: Known) -> list[str]:
    """List the admin API's routes that read, below `/admin/v1`, with queries.

    A route that names something else, which does not exist, is answered with 404.
    """
    paths = (await server.http.get("/admin/v1/openapi.json")).json()["paths"]
    named = defaultdict(
        lambda: "x",
        call_id=known.call,
        tenant_id=known.tenant,
        person_id=known.person,
        endpoint_id=known.endpoint,
        plan="pro",
    )
    return [
        request
        for path, methods in paths.items()
        if "get" in methods
        for request in _fill(path.format_map(named), _ROUTES.get(path, ("",)), known)
    ]


def _fill(path: str, queries: tuple[str, ...], known: Known) -> Iterator[str]:
    for query in queries:
        yield f"{path}?{query.format_map(asdict(known))}".removesuffix("?")
