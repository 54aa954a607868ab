"""The component in a SaaS's own pages, as the management API sees it."""

from collections.abc import Iterable
from typing import Any, get_args

import httpx2

from auth_server.administration.tenancy.component_tokens import ComponentScope
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import AuthServer

SCOPES: frozenset[str] = frozenset(get_args(ComponentScope))
OWN = frozenset(scope for scope in SCOPES if not scope.startswith("tenant_"))


class Component:
    """Calls the management API with one token."""

    def __init__(self, http: httpx2.AsyncClient, token: str) -> None:
        """Take the connection and the token."""
        self._http = http
        self.token = token

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request below `/manage/v1`."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self._http.request(method, f"/manage/v1{path}", headers=headers, **options)


async def ask_for_token(
    api: AdminApi,
    *,
    person: str = "usr_ada",
    tenant: str = "org_acme",
    scopes: Iterable[str] = OWN,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx2.Response:
    """Ask the admin API for a component token, as a SaaS's back end does."""
    body = {"person_id": person, "scopes": sorted(scopes), **more}
    path = f"/tenants/{tenant}/component-tokens"
    return await api.call("POST", path, json=body, headers=headers or {})


async def component(server: AuthServer, **asked: Any) -> Component:
    """Get the component of a person, who is Ada in Acme with her own things if nobody else is asked for."""
    answer = await ask_for_token(await admin_api(server), **asked)
    assert answer.status_code == 201, answer.text
    return Component(server.http, answer.json()["token"])
