"""Who may use each page and each JSON route: the table of docs/roles.md against every route."""

import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from auth_server.admin_api.app import ADMIN_API_PATH, create_admin_api
from auth_server.administration.scopes import READS, SCOPES
from auth_server.directory.url import SCIM_PATH
from auth_server.manage_api.app import MANAGE_API_PATH, create_manage_api
from auth_server.scim.app import create_scim_api
from auth_server.web.form_proof import FormProof
from gatepost.approvals import APPROVALS_PATH
from gatepost.health import REPORTS_PATH
from gatepost.linked_tokens import LINKED_TOKENS_PATH
from gatepost.metering.call_event import EVENTS_PATH
from support.in_process.admin_api import admin_api, least_body
from support.in_process.auth_server import SEED, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.component import OWN, component
from support.in_process.component import SCOPES as COMPONENT_SCOPES
from support.in_process.operator import add
from support.markdown import read

ROLES = {
    "Nobody": "",
    "Member": "mia@acme.example",
    "Other admin": "gus@globex.example",
    "Admin": "ada@acme.example",
    "Viewer": "vera@orbit.example",
    "Operator": "op@orbit.example",
}
"""The columns of the table, and who signs in."""
TOKENS = {"Viewer": READS, "Operator": SCOPES}
COMPONENTS = {
    "Member": ("usr_mia", "org_acme", OWN),
    "Other admin": ("usr_gus", "org_globex", COMPONENT_SCOPES),
    "Admin": ("usr_ada", "org_acme", COMPONENT_SCOPES),
}
"""Whose component token each role sends to the management API."""
FIELDS = {"tenant": "org_acme", "person": "usr_mia", "password": "gatepost-demo"}
REGISTRATION = {"redirect_uris": ["https://app.example/callback"]}
PARTS = {"tenant_id": "org_acme", "person_id": "usr_mia"}
RESTS_ON = (
    "SELECT ended_at FROM sessions ORDER BY session_hash",
    "SELECT disabled_at FROM people ORDER BY person_id",
    "SELECT role FROM memberships ORDER BY person_id, tenant_id",
    "SELECT disabled_at FROM tenants ORDER BY tenant_id",
    "SELECT role FROM operators ORDER BY person_id",
    "SELECT revoked_at FROM admin_tokens ORDER BY token_id",
)
"""What says who is who; a request that changes some of it ends its copy."""
LINE = re.compile(r"^\| `([A-Z]+) (/\S*)` \|(.+)\|$", re.MULTILINE)

Outcome = str
Route = tuple[str, str]


def table() -> dict[Route, dict[str, Outcome]]:
    """Read the table of the document, by method and pattern of paths."""
    return {
        (method, pattern): dict(
            zip(ROLES, (cell.strip() for cell in cells.split("|")), strict=True)
        )
        for method, pattern, cells in LINE.findall(read("docs/roles.md"))
    }


def person(person_id: str, tenant: str = "", role: str = "member", **more: Any) -> dict[str, Any]:
    """Write a person of a seed file."""
    memberships = [{"tenant": tenant, "role": role}] if tenant else []
    email = next(email for email in ROLES.values() if email.startswith(f"{person_id[4:]}@"))
    return {
        "id": person_id,
        "email": email,
        "name": person_id,
        "password": "gatepost-demo",
        "memberships": memberships,
        **more,
    }


@dataclass
class Copies:
    """Servers on copies of one database, in which each role is signed in."""

    folder: Path
    jars: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    _server: AuthServer | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _number: int = 0
    _before: list[Any] = field(default_factory=list)

    @property
    def seeded(self) -> Path:
        """The database that is copied."""
        return self.folder / "seeded.db"

    async def ask(self, role: str, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a role's request to a server in which nobody has lost anything."""
        server = await self._open()
        browser = server.browser()
        for name, value in self.jars[role].items():
            browser.cookies.set(name, value)
        headers = {}
        api = next((one for one in (ADMIN_API_PATH, MANAGE_API_PATH) if path.startswith(one)), "")
        if token := self.tokens.get(f"{api} {role}"):
            headers["Authorization"] = f"Bearer {token}"
        answer = await browser.request(method, path, headers=headers, **options)
        if method != "GET" and answer.status_code < 400 and self._read() != self._before:
            await self.close()
        return answer

    async def close(self) -> None:
        """Stop the server."""
        await self._stack.aclose()
        self._stack, self._server = AsyncExitStack(), None

    async def _open(self) -> AuthServer:
        if self._server is None:
            self._number += 1
            shutil.copy(self.seeded, self._copy)
            server = running_auth_server(f"sqlite+aiosqlite:///{self._copy}", Clock())
            self._server = await self._stack.enter_async_context(server)
            self._before = self._read()
        return self._server

    @property
    def _copy(self) -> Path:
        return self.folder / f"{self._number}.db"

    def _read(self) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._copy}?mode=ro", uri=True)) as database:
            return [database.execute(query).fetchall() for query in RESTS_ON]


@pytest.fixture
async def copies(
    tmp_path: Path, seeded_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Copies]:
    """Everybody of the table is signed in; the proofs of forms are the matter of other tests."""
    monkeypatch.setattr(FormProof, "require", lambda *_: None)
    made = Copies(tmp_path)
    shutil.copy(seeded_sqlite, made.seeded)
    async with _preparing(made) as server:
        for role, email in ROLES.items():
            who = server.person(email)
            if email:
                await who.sign_in(await who.open("/account/sessions"))
            made.jars[role] = dict(who.http.cookies)
        for role, scopes in TOKENS.items():
            made.tokens[f"{ADMIN_API_PATH} {role}"] = (await admin_api(server, scopes)).token
        for role, (person_id, tenant, scopes) in COMPONENTS.items():
            asked = await component(server, person=person_id, tenant=tenant, scopes=scopes)
            made.tokens[f"{MANAGE_API_PATH} {role}"] = asked.token
    yield made
    await made.close()


@asynccontextmanager
async def _preparing(made: Copies) -> AsyncIterator[AuthServer]:
    async with running_auth_server(f"sqlite+aiosqlite:///{made.seeded}", Clock()) as server:
        people = [
            person("usr_mia", "org_acme"),
            person("usr_gus", "org_globex", "admin"),
            person("usr_vera", operator="viewer"),
        ]
        await add(server, tenants=SEED["tenants"], people=people)
        yield server


def routes_of(app: Any, prefix: str = "") -> Iterator[Route]:
    """List the methods and paths of an app, without HEAD, which is served as GET."""
    for route in iter_route_contexts(app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, f"{prefix}{route.path}"


def name_outcome(answer: httpx2.Response) -> Outcome:
    """Say as the table does what became of a request."""
    if answer.status_code == 303 and "/sign-in" in answer.headers["location"]:
        return "sign in"
    return {401: "401", 403: "no"}.get(answer.status_code, "yes")


def line_of(lines: dict[Route, dict[str, Outcome]], method: str, path: str) -> Route:
    """Find the line of a route: its own, or the longest that matches."""
    matching = [one for one in lines if one[0] == method and fnmatchcase(path, one[1])]
    assert matching, f"docs/roles.md has no line for {method} {path}"
    return max(matching, key=lambda one: ("*" not in one[1], len(one[1])))


@pytest.mark.whole_machine
async def test_each_route_admits_whom_the_table_of_roles_names_and_nobody_else(
    copies: Copies,
) -> None:
    lines = table()
    server = await copies._open()
    documents = {
        api: (await server.http.get(f"{api}/openapi.json")).json()
        for api in (ADMIN_API_PATH, MANAGE_API_PATH)
    }
    routes = [
        *routes_of(server.app),
        *routes_of(create_admin_api(""), ADMIN_API_PATH),
        *routes_of(create_manage_api(""), MANAGE_API_PATH),
        *routes_of(create_scim_api(), SCIM_PATH),
    ]
    wrong, used = [], set()
    for method, path in routes:
        line = line_of(lines, method, path)
        used.add(line)
        options = _options(documents, method, path)
        for role, expected in lines[line].items():
            answer = await copies.ask(role, method, path.format_map(_Parts()), **options)
            outcome = name_outcome(answer)
            if outcome != ("yes" if expected == "own" else expected):
                wrong.append(f"{method} {path}: {role} {outcome}, {expected} in the table")

    assert not wrong, "\n".join(wrong)
    assert used == set(lines), "a line matches nothing"


class _Parts(dict[str, str]):
    """The parts of paths that records fill; any other is `x`."""

    def __missing__(self, key: str) -> str:
        return PARTS.get(key, "x")


def _options(documents: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """Fill a request with what it requires at least, so that rules about roles are reached."""
    api = next((one for one in documents if path.startswith(f"{one}/")), None)
    if api is None:
        if method == "GET":
            return {"params": FIELDS}
        posted = {APPROVALS_PATH, EVENTS_PATH, LINKED_TOKENS_PATH, REPORTS_PATH}
        is_json = method == "PUT" or path in posted
        return {"json": REGISTRATION} if is_json else {"data": FIELDS}
    operation, document = path.removeprefix(api), documents[api]
    described = document["paths"].get(operation, {}).get(method.lower(), {})
    required = [one["name"] for one in described.get("parameters", []) if one.get("required")]
    query = {name: "x" for name in required if f"{{{name}}}" not in path}
    body = least_body(document, method, operation) if described else None
    return {"params": query} | ({} if body is None else {"json": body})
