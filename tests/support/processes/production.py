"""Everything as in production, under the calls of many tenants, while operators change it.

Two authorization servers, two gateways and two workers run on PostgreSQL and Redis, each kind of service
behind a load balancer. One person of each tenant connected an app through the pages; the app calls a
tool that reads and one that writes, and refreshes its token.
"""

import asyncio
import json
import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from auth_server.records.plans.terms import SHIPPED, PlanTerms
from demo_saas.seed import DEMO_PASSWORD
from demo_saas.seed import prepare_database as prepare_api
from gatepost.clock import utc_now
from support.in_process.oauth_client import OAuthClient, register
from support.in_process.person import Person
from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import GATEPOST, SAAS, run, write_manifest
from support.processes.fork_server import Process, start
from support.processes.former_release import with_code
from support.processes.postgres import PostgresServer
from support.processes.proxies import running_proxy
from support.processes.rolling import Part
from support.processes.services import POLL_SECONDS, free_port, running_service

LAME_DUCK = 0.5
SMALL = PlanTerms(
    name="small",
    title="Small",
    per_minute=100_000,
    burst=10_000,
    monthly_units=60,
    allow_uncounted=False,
)
LARGE = PlanTerms(name="large", title="Large", per_minute=100_000, burst=10_000, concurrent=1_000)
_OTHER = LARGE.model_copy(update={"name": "other", "title": "Other"})
_SECRET = "for-tests-only-0123456789abcdef0123456789"
_HEADERS = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2025-11-25",
}


@dataclass
class Failure:
    """What a client saw instead of what it asked for."""

    change: str
    """What was being changed meanwhile."""
    tenant: str
    asked: str
    said: str
    again: str = ""
    """How the next try ended."""

    @property
    def is_safe(self) -> bool:
        """Whether the client knows that nothing was done, or was served when it asked again."""
        return "Nothing was done." in self.said or self.again != ""


@dataclass
class Seen:
    """What all clients saw."""

    counts: Counter[str] = field(default_factory=Counter)
    answered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Ids of the calls whose success a client has seen, by tenant."""
    refused: Counter[str] = field(default_factory=Counter)
    """Calls beyond a quota, by tenant."""
    failures: list[Failure] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    """Answers with another tenant's rows."""


class Worker:
    """A process that copies call events into the call log."""

    def __init__(self, config: Path, log: Path, stack: ExitStack, code: str | None) -> None:
        """Start nothing yet; `code` is the former release's, or None for this one's."""
        self.code = code
        self._command = (*GATEPOST, "auth-server", "events-worker", "--config", config)
        self._log = log
        self._process: Process | None = None
        stack.callback(self.stop)

    def start(self) -> None:
        """Start it."""
        argv, env = with_code(self._command, self.code)
        with self._log.open("ab") as output:
            arguments = [str(part) for part in argv]
            self._process = start(arguments, output=output, env={**os.environ, **env})

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait(60)

    async def replace(self) -> None:
        """Let it end in order, and start another one."""
        assert await asyncio.to_thread(self.stop) == 0
        await asyncio.to_thread(self.start)


@dataclass
class Production:
    """The place, and what its clients see."""

    folder: Path
    tenants: tuple[str, ...]
    small: tuple[str, ...]
    """The tenants with a small quota."""
    issuer: str
    resource: str
    database_url: str
    config: Path
    servers: list[Part]
    gateways: list[Part]
    workers: list[Worker]
    seen: Seen = field(default_factory=Seen)
    change: str = "nothing"
    pause: float = POLL_SECONDS
    """Between two requests of one client, in seconds."""
    refresh_after: float = 30
    """How long a client uses a token, in seconds; a token lives 60."""
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    async def under_calls(self, *changes: tuple[str, Callable[[], Awaitable[object]]]) -> None:
        """Let every tenant's app call, make the changes one after another, then let all calls end."""
        async with (
            asyncio.TaskGroup() as working,
            httpx2.AsyncClient(trust_env=False, timeout=60) as http,
        ):
            first = await register(http, self.issuer, self.resource)
            for tenant in self.tenants:
                client = OAuthClient(http, self.issuer, self.resource, first.client_id)
                working.create_task(self._use(client, tenant))
            for name, make in changes:
                await self._a_round()
                self.change = name
                await make()
                # What the change delays has ended with the second round.
                await self._a_round()
                await self._a_round()
                self.change = "nothing"
            self._done.set()

    async def _a_round(self) -> None:
        """Wait until each tenant without a small quota has been served once more."""
        large = [tenant for tenant in self.tenants if tenant not in self.small]
        before = {tenant: len(self.seen.answered[tenant]) for tenant in large}
        for _ in range(2400):
            if all(len(self.seen.answered[tenant]) > before[tenant] for tenant in large):
                return
            await asyncio.sleep(POLL_SECONDS)
        raise AssertionError(self.seen.failures[-5:])

    async def rolling_restart(self) -> None:
        """Replace each process."""
        for part in (*self.gateways, *self.servers):
            await part.replace()
        for worker in self.workers:
            await worker.replace()

    async def upgrade(self) -> None:
        """Migrate the database to this release's schema, then replace each process by its code."""
        await self.command("auth-server", "migrate")
        for part in (*self.gateways, *self.servers):
            part.code = None
        for worker in self.workers:
            worker.code = None
        await self.rolling_restart()

    async def rotate_keys(self, *options: str) -> None:
        """Rotate the keys that sign access tokens, with the command's options."""
        await self.command("keys", "rotate", *options)

    async def switch_catalogue(self) -> None:
        """Describe a tool anew; wait until both gateways serve that."""
        path = self.folder / "tools.yaml"
        text = path.read_text()
        await asyncio.to_thread(path.write_text, text.replace("Create a task", "Add a task"))
        for gateway in self.gateways:
            await _until(lambda log=gateway.logs[-1]: '"catalogue_switched"' in log.read_text())  # type: ignore[misc]

    async def switch_plans(self) -> None:
        """Give half of the tenants another plan."""
        for tenant in [t for t in self.tenants if t not in self.small][::2]:
            await self.command("billing", "move", tenant, _OTHER.name)

    async def command(self, *words: str) -> str:
        """Run a command of the operator."""
        return await asyncio.to_thread(run, *GATEPOST, *words, "--config", self.config)

    async def _use(self, client: OAuthClient, tenant: str) -> None:
        """Connect a tenant's app; call tools, and refresh its token in time."""
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as browser:
            person = Person(browser, f"{tenant}@example.org", DEMO_PASSWORD)
            tokens = await client.connect(person, tenant=tenant, tick=["create_task"])
        refresh_at = self._later()
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
            for number in count():
                if self._done.is_set():
                    return
                if asyncio.get_running_loop().time() >= refresh_at:
                    tokens = await self._refresh(client, tenant, tokens)
                    refresh_at = self._later()
                tool, arguments = "list_projects", {}
                if number % 3 == 2:
                    tool, arguments = "create_task", {"project_id": "prj_1", "title": str(number)}
                said = await self._call(http, tokens["access_token"], tool, arguments)
                if isinstance(said, httpx2.Response) and said.status_code == 401:
                    # The key of the token was withdrawn: a client gets another one, and goes on.
                    self.seen.counts["renewed after 401"] += 1
                    tokens = await self._refresh(client, tenant, tokens)
                    refresh_at = self._later()
                    said = await self._call(http, tokens["access_token"], tool, arguments)
                self._note(tenant, tool, said)
                await asyncio.sleep(self.pause)

    def _later(self) -> float:
        return asyncio.get_running_loop().time() + self.refresh_after

    async def _refresh(
        self, client: OAuthClient, tenant: str, tokens: dict[str, Any]
    ) -> dict[str, Any]:
        failure = None
        while True:
            said = await _answer(client.refresh(tokens["refresh_token"]))
            self.seen.counts["refreshes"] += 1
            if isinstance(said, httpx2.Response) and said.status_code == 200:
                if failure is not None:
                    failure.again = "refreshed"
                renewed: dict[str, Any] = said.json()
                return renewed
            if failure is None:
                failure = Failure(self.change, tenant, "a refresh", _words(said))
                self.seen.failures.append(failure)
            await asyncio.sleep(POLL_SECONDS)

    async def _call(
        self, http: httpx2.AsyncClient, access_token: str, tool: str, arguments: dict[str, str]
    ) -> httpx2.Response | httpx2.HTTPError:
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {**_HEADERS, "authorization": f"Bearer {access_token}"}
        self.seen.counts["calls"] += 1
        return await _answer(http.post(self.resource, json=body, headers=headers))

    def _note(self, tenant: str, tool: str, said: httpx2.Response | httpx2.HTTPError) -> None:
        if isinstance(said, httpx2.Response) and said.status_code == 200:
            result = json.loads(said.text.strip().rpartition("data: ")[2]).get("result", {})
            if not result.get("isError", True):
                self.seen.answered[tenant].add(said.headers["x-request-id"])
                if tool == "list_projects" and not _are_of(tenant, said.text, self.tenants):
                    self.seen.leaks.append(f"{tenant}: {said.text}")
                return
            if result.get("structuredContent", {}).get("error") == "quota_exhausted":
                self.seen.refused[tenant] += 1
                return
        self.seen.failures.append(Failure(self.change, tenant, tool, _words(said)))

    async def come_to_rest(self) -> None:
        """Let the gateways and workers deliver and write everything, and end them."""
        for gateway in self.gateways:
            assert await asyncio.to_thread(gateway.stop) == 0
        expected = sum(len(calls) for calls in self.seen.answered.values())
        await _until(lambda: sum(map(len, self.ledger().values())) >= expected)
        for worker in self.workers:
            assert await asyncio.to_thread(worker.stop) == 0

    def ledger(self) -> dict[str, dict[str, int]]:
        """Units of each tenant's calls, by call id."""
        return self._read_books()[0]

    def differences(self) -> list[str]:
        """Say where the books disagree with one another or with what clients saw."""
        ledger, hours = self._read_books()
        said = []
        for tenant in self.tenants:
            if lost := self.seen.answered[tenant] - ledger[tenant].keys():
                said.append(f"{tenant}: answered, but not in the ledger: {sorted(lost)}")
            if (units := sum(ledger[tenant].values())) != hours[tenant]:
                said.append(f"{tenant}: {units} units in the ledger, {hours[tenant]} by the hour")
        for tenant in self.small:
            units = sum(ledger[tenant].values())
            if self.seen.refused[tenant] and units != SMALL.monthly_units:
                said.append(f"{tenant}: {units} units of {SMALL.monthly_units}")
        return said

    def _read_books(self) -> tuple[dict[str, dict[str, int]], Counter[str]]:
        ledger: dict[str, dict[str, int]] = defaultdict(dict)
        hours: Counter[str] = Counter()
        with psycopg.connect(self.database_url.replace("+psycopg", "")) as db:
            for tenant, call_id, units in db.execute(
                "SELECT tenant_id, call_id, units FROM ledger"
            ).fetchall():
                ledger[tenant][call_id] = units
            for tenant, units in db.execute(
                "SELECT tenant_id, sum(units) FROM usage_hours GROUP BY tenant_id"
            ).fetchall():
                hours[tenant] = int(units)
        return ledger, hours


@asynccontextmanager
async def running_production(
    folder: Path,
    postgres: PostgresServer,
    redis_url: str,
    *,
    tenants: int,
    small: int,
    code: str | None = None,
) -> AsyncIterator[Production]:
    """Run everything for as long as the block lasts.

    Args:
        folder: an empty folder.
        postgres: takes a new database.
        redis_url: where all processes share limits, events and revocations.
        tenants: how many.
        small: how many of them have a small quota.
        code: the former release's, which the processes run until `Production.upgrade`.
    """
    with ExitStack() as stack:
        yield await asyncio.to_thread(
            _start, folder, postgres, redis_url, tenants, small, code, stack
        )


def _start(
    folder: Path,
    postgres: PostgresServer,
    redis_url: str,
    number: int,
    small: int,
    code: str | None,
    stack: ExitStack,
) -> Production:
    tenants = tuple(f"org_{n:02}" for n in range(number))
    database_url = postgres.create_database()
    outside, inside = [free_port() for _ in range(2)], [free_port() for _ in range(4)]
    issuer, resource = f"http://127.0.0.1:{outside[0]}", f"http://127.0.0.1:{outside[1]}/mcp"
    saas = f"http://127.0.0.1:{free_port()}"
    (folder / "redis_url").write_text(redis_url)
    shared = {"lame_duck_seconds": LAME_DUCK, "redis_url": {"file": "redis_url"}}
    gateway = serving(issuer, resource, saas, **shared)
    generous = {f"registrations_{name}": 10_000 for name in ("per_minute", "per_day")}
    server = issuing(
        issuer,
        resource,
        database_url=database_url,
        access_token_lifetime="PT1M",
        **generous,
        **shared,
    )
    one = write_config(folder, secret=_SECRET, auth_server=server, mcp_gateway=gateway)
    second = {**gateway, "event_spool": "other.events.db"}
    other = write_config(folder, name="other.yaml", mcp_gateway=second)
    write_manifest(folder)
    _store(folder, one, code, tenants, tenants[:small])
    _keep_project(folder / "orbit.db", tenants)
    servers = [Part("auth-server", port, one, "issued", stack, code=code) for port in inside[:2]]
    gateways = [
        Part("mcp-gateway", port, config, "tool_call", stack, code=code)
        for port, config in zip(inside[2:], (one, other), strict=True)
    ]
    workers = [Worker(one, folder / f"worker-{n}.log", stack, code) for n in range(2)]
    stack.enter_context(running_proxy(folder, outside[0], inside[:2]))
    stack.enter_context(running_proxy(folder, outside[1], inside[2:]))
    argv = (
        *(*SAAS, "--port", saas.rpartition(":")[2], "--database", folder / "orbit.db"),
        *("--gatepost-issuer", resource),
        *("--gatepost-jwks-url", f"http://127.0.0.1:{outside[1]}/.well-known/jwks.json"),
    )
    log = folder / "demo-saas.log"
    stack.enter_context(running_service(argv, url=saas, log=log, ready_path="/healthz"))
    for part in (*servers, *gateways):
        part.start()
    for worker in workers:
        worker.start()
    return Production(
        folder,
        tenants,
        tenants[:small],
        issuer,
        resource,
        database_url,
        one,
        servers,
        gateways,
        workers,
    )


def _store(
    folder: Path, config: Path, code: str | None, tenants: Sequence[str], small: Collection[str]
) -> None:
    """Bring the database to a release's schema, with plans, and a person in each tenant."""
    seed = {
        "tenants": [
            {
                "id": tenant,
                "name": tenant,
                "rate_limit_tier": (SMALL if tenant in small else LARGE).name,
            }
            for tenant in tenants
        ],
        "people": [
            {
                "id": f"usr_{tenant}",
                "email": f"{tenant}@example.org",
                "name": f"Ada of {tenant}",
                "password": DEMO_PASSWORD,
                "memberships": [{"tenant": tenant, "role": "admin"}],
            }
            for tenant in tenants
        ],
    }
    (folder / "seed.json").write_text(json.dumps(seed))
    plans = [plan.model_dump(mode="json") for plan in (*SHIPPED, SMALL, LARGE, _OTHER)]
    (folder / "plans.yaml").write_text(json.dumps({"plans": plans}))
    for words in (
        ("auth-server", "migrate"),
        ("billing", "plans", "--set", folder / "plans.yaml"),
        ("auth-server", "seed", folder / "seed.json"),
    ):
        command, env = with_code((*GATEPOST, *words, "--config", config), code)
        run(*command, env={**os.environ, **env})


def _keep_project(path: Path, tenants: Sequence[str]) -> None:
    """Give each tenant a project at the API, whose name no other tenant may read."""
    now = utc_now()
    prepare_api(path, now=now)
    at = now.isoformat()
    with closing(sqlite3.connect(path)) as db, db:
        for tenant in tenants:
            person = f"usr_{tenant}"
            for table, row in (
                ("orgs", (tenant, tenant)),
                ("teams", (tenant, "all", "All")),
                ("users", (person, f"{tenant}@example.org", f"Ada of {tenant}", None)),
                ("memberships", (tenant, person, "admin", at)),
                ("team_members", (tenant, person, "all")),
                ("projects", (tenant, "prj_1", "all", _mark(tenant), None, None, at, None)),
            ):
                places = ", ".join("?" * len(row))
                db.execute(f"INSERT INTO {table} VALUES ({places})", row)  # noqa: S608 - from here


def _mark(tenant: str) -> str:
    return f"only of {tenant}"


def _are_of(tenant: str, text: str, tenants: Sequence[str]) -> bool:
    return [other for other in tenants if _mark(other) in text] == [tenant]


async def _answer(sending: Awaitable[httpx2.Response]) -> httpx2.Response | httpx2.HTTPError:
    try:
        return await sending
    except httpx2.HTTPError as problem:
        return problem


def _words(said: httpx2.Response | httpx2.HTTPError) -> str:
    if isinstance(said, httpx2.Response):
        return f"{said.status_code} {said.text[-300:]}"
    return repr(said)


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if await asyncio.to_thread(holds):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError(holds)
