"""An authorization server inside the test, with people, tenants and a catalogue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
from pydantic_settings import InitSettingsSource

from auth_server.app import create_app
from auth_server.catalogues.cache import CatalogueCache
from auth_server.connectors.open import open_connectors
from auth_server.db.engine import open_database
from auth_server.keys import make_keys
from auth_server.linking.open import open_link_providers
from auth_server.linking.tokens import LinkedTokens
from auth_server.mail.port import Message
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from auth_server.outbound.txt_records import NoAnswer
from auth_server.outbox.deliver import Delivery, deliver_mails
from auth_server.records.audit.seal import sealing_with
from auth_server.runtime import (
    Runtime,
    open_documents,
    open_key_sets,
    open_runtime,
    open_webhooks,
)
from auth_server.schema.migrate import migrate
from auth_server.seed import read_seed, store_seed
from auth_server.settings import AuthServerSettings, ResourceSettings
from gatepost.catalogue import CatalogueDocument, ToolSummary
from gatepost.clock import utc_now
from gatepost.network.process import Process
from gatepost.tracing.open import opened_tracing
from support.in_process.asgi import running
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, register
from support.in_process.person import Person
from support.mail.mailbox import Mailbox

ISSUER = "http://127.0.0.1:8400"
_NEVER = 1e9  # tests follow the log and send webhooks themselves
SECRET_KEY = "for-tests-only-0123456789abcdef0123456789"
RESOURCE = "http://127.0.0.1:8401/mcp"

SEED: dict[str, Any] = {
    "tenants": [
        {"id": "org_acme", "name": "Acme", "rate_limit_tier": "pro"},
        {"id": "org_globex", "name": "Globex"},
    ],
    "people": [
        {
            "id": "usr_ada",
            "email": "ada@acme.example",
            "name": "Ada Marsh",
            "password": "gatepost-demo",
            "memberships": [
                {
                    "tenant": "org_acme",
                    "role": "admin",
                    "data_scope": "team:engineering team:design",
                },
                {"tenant": "org_globex", "data_scope": "team:sales"},
            ],
        },
        {
            "id": "usr_bo",
            "email": "bo@globex.example",
            "name": "Bo Lind",
            "password": "gatepost-demo",
            "memberships": [{"tenant": "org_globex"}],
        },
        {
            "id": "usr_op",
            "email": "op@orbit.example",
            "name": "Olga Operator",
            "password": "gatepost-demo",
            "operator": "operator",
        },
        {
            "id": "usr_cy",
            "email": "cy@nowhere.example",
            "name": "Cy Nowhere",
            "password": "gatepost-demo",
        },
    ],
    "clients": [
        {
            "client_id": "orbit-cli",
            "name": "Orbit CLI",
            "redirect_uris": ["http://127.0.0.1/callback"],
        }
    ],
}

CATALOGUE = CatalogueDocument(
    resource=RESOURCE,
    name="Orbit",
    hash="0" * 64,
    tools=(
        ToolSummary(
            name="create_task",
            title="Create task",
            description="Create a task in a project.",
            scope="mcp:write",
            toolsets=("write",),
            read_only=False,
            destructive=False,
        ),
        ToolSummary(
            name="delete_task",
            title="Delete task",
            description="Permanently delete a task.",
            scope="mcp:write",
            toolsets=("write",),
            read_only=False,
            destructive=True,
        ),
        ToolSummary(
            name="list_projects",
            title="List projects",
            description="List the projects.",
            scope="mcp:read",
            toolsets=("read",),
            read_only=True,
            destructive=False,
        ),
        ToolSummary(
            name="list_tasks",
            title="List tasks",
            description="List the tasks of a project.",
            scope="mcp:read",
            toolsets=("read",),
            read_only=True,
            destructive=False,
        ),
    ),
)


def prepare_database(url: str, seed: dict[str, Any] = SEED) -> None:
    """Bring an empty database to the newest schema and seed it."""

    async def store() -> None:
        database = open_database(url, info=sealing_with(make_keys(SECRET_KEY)))
        async with database.writing() as db, db.begin():
            await store_seed(db, read_seed(seed), now=utc_now())
        await database.engine.dispose()

    migrate(url)
    asyncio.run(store())


@dataclass
class AuthServer:
    """A running authorization server, and what a test may change about its world."""

    http: httpx2.AsyncClient
    app: Any
    settings: AuthServerSettings
    clock: Clock
    catalogue: CatalogueDocument | Exception
    database_url: str
    issuer: str = ISSUER
    resource: str = RESOURCE
    web: dict[str, Fetched | FetchRefused] = field(default_factory=dict)
    """The documents that can be fetched, by URL: client documents, key sets."""
    fetched: list[str] = field(default_factory=list)
    """Which were."""
    dns: dict[str, list[str] | NoAnswer] = field(default_factory=dict)
    """The TXT records, by name; other names do not exist."""
    mailbox: Mailbox = field(default_factory=Mailbox)
    """Where its mails arrive."""
    _opened: list[Runtime] = field(default_factory=list)

    @property
    def opened(self) -> Runtime:
        """The running server's resources."""
        return self._opened[-1]

    def browser(self) -> httpx2.AsyncClient:
        """A browser with no cookies yet."""
        return httpx2.AsyncClient(transport=self.http._transport, base_url=self.issuer)

    def person(self, email: str = "ada@acme.example") -> Person:
        """A person with their own browser."""
        return Person(self.browser(), email)

    @property
    def delivery(self) -> Delivery:
        """What delivers its mails."""
        opened = self.opened
        return Delivery(
            database=opened.database,
            keys=opened.keys,
            pages=opened.pages,
            issuer=self.issuer,
            mailer=opened.mailer,
            now=self.clock,
        )

    async def mails(self) -> list[Message]:
        """Deliver the mails that are due, and return them."""
        before = len(self.mailbox.received)
        while await deliver_mails(self.delivery):
            pass
        return self.mailbox.received[before:]

    async def client(self, **metadata: Any) -> OAuthClient:
        """A freshly registered public client."""
        return await register(self.http, self.issuer, self.resource, **metadata)


@asynccontextmanager
async def running_auth_server(
    database_url: str,
    clock: Clock,
    *,
    outside: Any = None,
    stripe_http: Any = None,
    post: Any = None,
    metrics: Any = None,
    open_tracing: Any = opened_tracing,
    **changes: Any,
) -> AsyncIterator[AuthServer]:
    """Start a server; a keyword changes a setting.

    `outside` answers what it asks of providers; `stripe_http` makes its connection to Stripe; `post`
    sends its webhooks; `metrics` serves its metrics; `open_tracing` records its requests.
    """
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "secret_key": SECRET_KEY,
        "database_url": database_url,
        "resources": (ResourceSettings(resource=RESOURCE),),
        # Every client of a test comes from one address, at one moment.
        "registrations_per_minute": 10_000,
        "registrations_per_day": 10_000,
        "registrations_overall_per_minute": 10_000,
        "wrong_guesses_per_minute": 10_000,
        "authorizations_per_minute": 10_000,
        "operator_sign_in_level": 1,
        **changes,
    }
    # Reading the environment takes longer than validating, and a test has its own settings.
    sources = (InitSettingsSource(AuthServerSettings, init_kwargs=values),)
    make: Any = AuthServerSettings
    settings: AuthServerSettings = make(_build_sources=(sources, {}))
    server = AuthServer(
        http=httpx2.AsyncClient(),
        app=None,
        settings=settings,
        clock=clock,
        catalogue=CATALOGUE,
        database_url=settings.database_url,
        issuer=settings.issuer,
        resource=settings.resources[0].resource,
    )

    async def read_catalogue(*_: object) -> CatalogueDocument:
        if isinstance(server.catalogue, Exception):
            raise server.catalogue
        return server.catalogue

    async def fetch(url: str) -> Fetched:
        server.fetched.append(url)
        answer = server.web.get(url, FetchRefused("status 404"))
        if isinstance(answer, FetchRefused):
            raise answer
        return answer

    async def look_up_txt(name: str) -> list[str]:
        answer = server.dns.get(name, [])
        if isinstance(answer, NoAnswer):
            raise answer
        return answer

    @asynccontextmanager
    async def opened(settings: AuthServerSettings) -> AsyncIterator[Runtime]:
        async with open_runtime(settings, now=clock, open_tracing=open_tracing) as resources:
            catalogues = CatalogueCache(read_catalogue, resources.database, clock)
            await catalogues.load(entry.resource for entry in settings.resources)
            documents = open_documents(settings, clock, fetch=fetch)
            key_sets = open_key_sets(settings, documents, clock, fetch, fetch=fetch)
            connectors = open_connectors(
                settings,
                resources.keyring.find_signer,
                clock,
                transport=lambda: httpx2.ASGITransport(app=outside),
            )
            link_providers = open_link_providers(
                settings,
                clock,
                transport=None if outside is None else lambda: httpx2.ASGITransport(app=outside),
            )
            server._opened.append(
                replace(
                    resources,
                    connectors=connectors,
                    link_providers=link_providers,
                    linked_tokens=LinkedTokens(
                        resources.database,
                        resources.keys,
                        link_providers,
                        clock,
                        resources.new_secret,
                    ),
                    catalogues=catalogues,
                    mailer=server.mailbox,
                    look_up_txt=look_up_txt,
                    documents=documents,
                    key_sets=key_sets,
                    webhooks=open_webhooks(
                        settings, resources.database, resources.keys, clock, post=post
                    ),
                )
            )
            yield server.opened

    server.app = create_app(
        settings,
        open_runtime=opened,
        make_stripe_http=stripe_http,
        notices_every=_NEVER,
        process=Process(metrics=metrics),
    )
    async with running(server.app, settings.issuer) as http:
        server.http = http
        yield server
