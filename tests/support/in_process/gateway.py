"""A gateway in process: real wiring, a real catalogue, an upstream and keys that a test decides."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any

import httpx2
import orjson
from joserfc.jwk import ECKey

from gatepost.approvals import ApprovableCall, ApprovalState
from gatepost.clock import Now
from gatepost.health import EventsReport, GatewayReport
from gatepost.linked_tokens import AskedToken, LinkedTokenAnswer
from gatepost.metering.call_event import CallEvent, read_event
from gatepost.metering.plans import UsedUnits
from gatepost.network.process import Process
from gatepost.network.stopping import Stopping
from gatepost.revocations import Revocation
from mcp_gateway.app import create_app
from mcp_gateway.auth.api_keys import ExchangeFailed, KeyRefused
from mcp_gateway.elicitation.answers import Answers, LocalAnswers
from mcp_gateway.elicitation.approvals import ApprovalUnknown
from mcp_gateway.elicitation.confirmations import LocalConfirmations
from mcp_gateway.follow_feed import FeedBroken
from mcp_gateway.http_client.port import HttpClient, HttpResponse
from mcp_gateway.limits.known_plans import KnownPlans
from mcp_gateway.limits.local_limits import LocalLimits
from mcp_gateway.limits.port import UsageUnknown
from mcp_gateway.limits.share import Share
from mcp_gateway.notifications.local import LocalNews, LocalWishes
from mcp_gateway.possession.used_proofs import LocalUsedProofs
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.runtime import NewId, Notifying, Reporting, Runtime, open_plans
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.upstream.credentials.linked_account import FetchLinkedToken
from support.in_process import tokens
from support.in_process.asgi import running
from support.in_process.clock import Clock

API = Path(__file__).parents[2] / "mcp_gateway" / "api"
MODERN = "2026-07-28"
USUAL = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass
class Api:
    """The upstream API: remembers every request, answers what a test wants."""

    requests: list[HttpRequest] = field(default_factory=list)
    answer: Callable[[HttpRequest], HttpResponse] = lambda _: HttpResponse(
        200, "application/json", b'{"tasks":[]}'
    )

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Answer at once."""
        self.requests.append(request)
        return self.answer(request)

    def header(self, name: str, *, request: int = -1) -> str | None:
        """Read a header of a request that came, whatever its case."""
        return {key.lower(): value for key, value in self.requests[request].headers}.get(
            name.lower()
        )


@dataclass
class Keys:
    """The authorization server's JWKS: counts how often it is fetched; may be down."""

    document: bytes = field(default_factory=tokens.jwks)
    fetched: int = 0
    down: bool = False

    async def fetch(self) -> bytes:
        """Answer one fetch."""
        self.fetched += 1
        if self.down:
            raise OSError("connection refused")
        return self.document


@dataclass
class Announcements:
    """The authorization server's revocations: nothing at first, then what a test announces."""

    silent: bool = False
    """Whether it says nothing at all, not even that there is nothing."""
    news: asyncio.Queue[Sequence[Revocation] | Exception] = field(default_factory=asyncio.Queue)

    async def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Answer what is announced; an exception breaks the feed."""
        if not self.silent:
            yield ()
        while True:
            found = await self.news.get()
            try:
                if isinstance(found, Exception):
                    raise found
                yield found
            finally:
                self.news.task_done()

    async def announce(self, *news: Revocation) -> None:
        """Announce something, and wait until the gateway has taken note."""
        self.news.put_nowait(news)
        await self.news.join()


@dataclass
class Exchanges:
    """The authorization server's exchange of API keys: counts them; may be down, or held up."""

    clock: Clock
    worth: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Claims of a key's tokens, by the key."""
    asked: list[str] = field(default_factory=list)
    down: bool = False
    held: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def exchange(self, key: str, organisation: str) -> bytes:
        """Answer one exchange."""
        self.asked.append(f"{key} {organisation}".strip())
        self.begun.set()
        if self.held is not None:
            await self.held.wait()
        if self.down:
            raise ExchangeFailed("unreachable")
        if key not in self.worth:
            raise KeyRefused
        aud = f"{tokens.RESOURCE}/o/{organisation}" if organisation else tokens.RESOURCE
        worth = {"aud": aud, **self.worth[key]}
        return tokens.sign(tokens.claims(self.clock(), **worth)).encode()


@dataclass
class Admins:
    """The authorization server's answers about calls that an admin must approve."""

    answers: list[ApprovalState] = field(default_factory=list)
    """What it says next; afterwards `waiting`."""
    asked: list[ApprovableCall] = field(default_factory=list)
    down: bool = False

    async def ask(self, call: ApprovableCall) -> ApprovalState:
        """Answer one request."""
        self.asked.append(call)
        if self.down:
            raise ApprovalUnknown("unreachable")
        return self.answers.pop(0) if self.answers else "waiting"


@dataclass
class Links:
    """The authorization server's answers about linked accounts; a new token for each request."""

    asked: list[AskedToken] = field(default_factory=list)
    answers: list[LinkedTokenAnswer | Exception] = field(default_factory=list)
    """What it says next; afterwards a token."""
    forward: FetchLinkedToken | None = None
    """Asks a real authorization server instead."""

    async def fetch(self, asked: AskedToken) -> LinkedTokenAnswer:
        """Answer one request."""
        self.asked.append(asked)
        if self.forward is not None:
            return await self.forward(asked)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        token = f"token-{len(self.asked)}-of-{asked.grant_id}"
        return answer or LinkedTokenAnswer(
            state="linked", title="Orbit", access_token=token, expires_in=600
        )


@dataclass
class Looks:
    """The gateway's looks at its files, each when a test wants one."""

    wanted: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, _: float) -> None:
        """Wait for the next one."""
        self.waiting.set()
        await self.wanted.acquire()

    async def look(self, times: int = 2) -> None:
        """Let the gateway look, as often as it takes to notice a change, and do what follows."""
        for _ in range(times):
            await self.waiting.wait()
            self.waiting.clear()
            self.wanted.release()
        await self.waiting.wait()


@dataclass
class Reports:
    """The gateway's reports of itself, each when a test wants one."""

    sent: list[GatewayReport] = field(default_factory=list)
    problem: Exception | None = None
    """Raised by each attempt to send."""
    wanted: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    pausing: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, report: GatewayReport) -> None:
        """Take a report."""
        self.sent.append(report)
        if self.problem is not None:
            raise self.problem

    async def events(self) -> EventsReport:
        """Say that no events wait."""
        return EventsReport()

    async def sleep(self, _: float) -> None:
        """Wait until a test wants the next report."""
        self.pausing.set()
        await self.wanted.acquire()

    def reporting(self) -> Reporting:
        """Return what the gateway reports through."""
        return Reporting(self.send, self.events, sleep=self.sleep)

    async def next(self) -> GatewayReport:
        """Return the first report that is sent from now on, or the one at the start."""
        if self.pausing.is_set():
            self.pausing.clear()
            self.wanted.release()
        await self.pausing.wait()
        return self.sent[-1]


@dataclass
class Journal:
    """The gateway's disk: intents by call, and what became of them."""

    record: Callable[[CallEvent], None] = lambda _: None
    intents: dict[str, tuple[float, bytes]] = field(default_factory=dict)
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    deliver: Callable[[], bool] = lambda: True
    """Delivers what a test left on the disk; false if that fails."""

    async def store_intent(self, call_id: str, due: float, intent: bytes) -> None:
        """Keep an intent."""
        self.intents[call_id] = due, intent

    async def store_event(self, call_id: str, event: CallEvent) -> None:
        """Record an event in place of its intent."""
        self.intents.pop(call_id, None)
        self.record(event)
        self.stored.set()

    async def take_due_intents(self, now: float) -> list[str]:
        """Record the intents that are due."""
        due = [call_id for call_id, (at, _) in self.intents.items() if at <= now]
        for call_id in due:
            self.record(read_event(orjson.loads(self.intents.pop(call_id)[1])))
        return due

    async def deliver_stored(self) -> bool:
        """Deliver what is there."""
        return self.deliver()

    def log(self, event: bytes) -> None:
        """Do nothing."""


@dataclass
class Ledger:
    """The authorization server's ledger: what each tenant has used; may be down."""

    used: dict[str, UsedUnits] = field(default_factory=dict)
    down: bool = False

    async def read(self, tenant_id: str, month: str, env: str) -> UsedUnits:
        """Answer one gateway."""
        if self.down:
            raise UsageUnknown("unreachable")
        return self.used.get(tenant_id, UsedUnits())


@dataclass
class World:
    """One gateway with its surroundings and a client."""

    http: httpx2.AsyncClient
    api: Api
    keys: Keys
    clock: Clock
    records: list[dict[str, Any]]
    settings: McpGatewaySettings
    feed: Announcements
    waits: list[float]
    """Seconds that the gateway let pass before it sent something again; the clock went with it."""
    looks: Looks
    exchanges: Exchanges
    admins: Admins
    links: Links
    journal: "Journal"
    ledger: "Ledger"
    plans: KnownPlans
    stopping: Stopping
    checks: Looks
    """The gateway's looks at its open streams, each when a test wants one."""
    path: str = "/mcp"
    """Where its client sends requests."""

    def token(self, **changes: Any) -> str:
        """Sign a token of Ada's, with some claims changed."""
        return tokens.sign(tokens.claims(self.clock(), **changes))

    async def post(
        self, body: object, *, token: str | None = "", headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Send one body; with Ada's token unless another, or None, is given."""
        sent = {**USUAL, **(headers or {})}
        if token is not None:
            sent.setdefault("authorization", f"Bearer {token or self.token()}")
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.http.post(self.path, content=content, headers=sent)

    async def old(
        self, method: str, params: Any = None, *, token: str = "", version: str = "2025-11-25"
    ) -> httpx2.Response:
        """Send one request of the handshake era."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        return await self.post(body, token=token, headers={"mcp-protocol-version": version})

    async def new(
        self, method: str, params: dict[str, Any] | None = None, *, token: str = ""
    ) -> httpx2.Response:
        """Send one request of the modern era, its headers as they must be."""
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {**(params or {}), "_meta": META},
        }
        headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
        if params and isinstance(params.get("name"), str):
            headers["mcp-name"] = params["name"]
        return await self.post(body, token=token, headers=headers)

    async def ask(self, era: str, method: str, params: Any = None, **more: Any) -> httpx2.Response:
        """Send one request of the era named `old` or `new`."""
        return await (self.old if era == "old" else self.new)(method, params, **more)

    async def call(self, era: str, tool: str, arguments: Any = None, **more: Any) -> Any:
        """Call a tool and read the result object."""
        params = {"name": tool, "arguments": arguments or {}}
        answer = await self.ask(era, "tools/call", params, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


def make_settings(folder: Path, **changes: Any) -> McpGatewaySettings:
    """Write the demo's settings, with changes."""
    usual = {
        "resource": "http://127.0.0.1:8401/mcp",
        "issuer": "http://127.0.0.1:8400",
        "manifest": API / "tools.yaml",
        "upstream_url": "http://127.0.0.1:8402",
        "signing_key": folder / "gateway.pem",
    }
    return McpGatewaySettings(**{**usual, **changes})


@asynccontextmanager
async def a_world(
    folder: Path,
    *,
    keys: Keys | None = None,
    upstream: HttpClient | None = None,
    silent: bool = False,
    answers: Answers | None = None,
    reports: Reports | None = None,
    metrics: socket | None = None,
    tracing: Any = None,
    **changes: Any,
) -> AsyncIterator[World]:
    """Open a gateway with the settings changed; `tracing` records its requests."""
    settings = make_settings(folder, **changes)
    api, clock = Api(), Clock()
    keys = keys or Keys()
    records: list[dict[str, Any]] = []
    feed = Announcements(silent)
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds=seconds)

    def record(event: CallEvent) -> None:
        records.append(event._asdict())

    async def read_plans(after: str, seconds: int) -> bytes:
        raise FeedBroken("a test announces the plans itself")

    plans = open_plans(settings, read_plans, clock)

    @asynccontextmanager
    async def runtime(
        _: McpGatewaySettings, __: ECKey, now: Now, new_id: NewId
    ) -> AsyncIterator[Runtime]:
        yield Runtime(
            http=upstream or api,
            fetch_keys=keys.fetch,
            exchange_key=exchanges.exchange,
            record=record,
            feed=feed,
            limits=LocalLimits(now, journal, ledger.read, Share(settings.replicas)),
            plans=plans,
            answers=answers or LocalAnswers(new_id),
            confirmations=LocalConfirmations(now),
            used_proofs=LocalUsedProofs(now),
            ask_for_approval=admins.ask,
            fetch_linked_token=links.fetch,
            notifying=Notifying(LocalNews(clock), LocalWishes(clock), checks.pause),
            reporting=None if reports is None else reports.reporting(),
            tracing=tracing,
        )

    journal, ledger, looks, stopping = Journal(record), Ledger(), Looks(), Stopping()
    exchanges, admins, links, checks = Exchanges(clock), Admins(), Links(), Looks()
    app = create_app(
        settings,
        now=clock,
        wait=wait,
        random=lambda: 0.5,
        pause=looks.pause,
        open_runtime=runtime,
        process=Process(stopping, metrics),
    )
    async with running(app, "http://127.0.0.1:8401") as http:
        yield World(
            http,
            api,
            keys,
            clock,
            records,
            settings,
            feed,
            waits,
            looks,
            exchanges,
            admins,
            links,
            journal,
            ledger,
            plans,
            stopping,
            checks,
        )
