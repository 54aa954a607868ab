"""The `Runtime`: everything that the process opens once and closes once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import httpx2

from auth_server.catalogues.cache import CatalogueCache
from auth_server.catalogues.reader import read_catalogue
from auth_server.client_documents.key_sets import KeySets
from auth_server.client_documents.reader import ClientDocuments
from auth_server.connectors.open import open_connectors
from auth_server.connectors.port import Connector
from auth_server.db.engine import Database, DbSession, OpenTransaction, open_database
from auth_server.keys import Keys, make_keys
from auth_server.linking.open import open_link_providers
from auth_server.linking.provider import LinkProvider
from auth_server.linking.tokens import LinkedTokens
from auth_server.mail.port import Mailer
from auth_server.outbound.cache import Fetch
from auth_server.outbound.configured_fetch import fetch_key_set
from auth_server.outbound.guarded_fetch import Fetched, GuardedFetch
from auth_server.outbound.guarded_post import GuardedPost
from auth_server.outbound.resolver import Resolver
from auth_server.outbound.traced import TracedClient
from auth_server.outbound.txt_records import LookUpTxt, look_up_txt
from auth_server.outbox.open import open_mailer
from auth_server.rate_limits.buckets import Buckets
from auth_server.rate_limits.wrong_guesses import WrongGuesses
from auth_server.records.audit.denials import Denials
from auth_server.records.audit.heads import HeadWriter
from auth_server.records.audit.seal import sealing_with
from auth_server.records.clients.refreshes import Refreshes
from auth_server.records.connect_steps.counts import StepCounts
from auth_server.records.people.passwords import Passwords
from auth_server.rendering.render import Pages, open_pages
from auth_server.revocations.announce import announcing
from auth_server.revocations.feed import RevocationFeed
from auth_server.secrets import NewSecret, new_secret
from auth_server.settings import AuthServerSettings, ResourceSettings
from auth_server.tokens.keyring import Keyring
from auth_server.webhooks.send import Sender
from gatepost.catalogue import CatalogueDocument
from gatepost.clock import Now, utc_now
from gatepost.tracing.open import OpenTracing, opened_tracing

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

Fetches = Counter[tuple[str, str]] | None


class Basis(Protocol):
    """The part of the runtime that commands open too."""

    @property
    def settings(self) -> AuthServerSettings:
        """The settings."""

    @property
    def database(self) -> Database:
        """The open database."""

    @property
    def now(self) -> Now:
        """The clock."""

    @property
    def transaction(self) -> OpenTransaction:
        """Opens a transaction."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The open parts of the service, with its clock and its source of secrets."""

    settings: AuthServerSettings
    database: Database
    keyring: Keyring
    keys: Keys
    pages: Pages
    passwords: Passwords
    mailer: Mailer
    connectors: Mapping[str, Connector]
    link_providers: Mapping[str, LinkProvider]
    linked_tokens: LinkedTokens
    catalogues: CatalogueCache
    documents: ClientDocuments
    key_sets: KeySets
    feed: RevocationFeed
    wrong_guesses: WrongGuesses
    begun: Buckets
    """Counts new authorization requests by address."""
    gateway_http: httpx2.AsyncClient
    """Calls gateways for the playground, and waits as long as a tool may take."""
    denials: Denials
    steps: StepCounts
    refreshes: Refreshes
    heads: HeadWriter
    webhooks: Sender
    look_up_txt: LookUpTxt
    now: Now
    new_secret: NewSecret
    fetches: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Fetches from addresses that strangers name, by who named them and the outcome."""
    tracing: "Tracing | None" = None
    """Records some of the requests and jobs, if traces are on."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[DbSession]:
        """Open a database transaction; after its commit, the feed announces its revocations."""
        async with self.database.writing() as session, session.begin():
            yield session
        self.feed.wake_after(session)


def keys_of(settings: AuthServerSettings) -> Keys:
    """Derive the server's keys from its settings."""
    previous = (secret.get_secret_value() for secret in settings.previous_secret_keys)
    return make_keys(settings.secret_key.get_secret_value(), previous)


def open_documents(
    settings: AuthServerSettings, now: Now, *, fetch: Fetch | None = None, fetches: Fetches = None
) -> ClientDocuments:
    """Make the reader of client documents; `fetch` replaces the guarded fetch in tests."""
    loopback = settings.client_documents_on_loopback
    in_use, strangers = _open_fetches(loopback, fetches) if fetch is None else (fetch, fetch)
    return ClientDocuments(
        in_use,
        strangers,
        now,
        private_use_schemes=settings.private_use_schemes,
        allow_loopback=loopback,
    )


def open_key_sets(
    settings: AuthServerSettings,
    documents: ClientDocuments,
    now: Now,
    configured: Fetch,
    *,
    fetch: Fetch | None = None,
    fetches: Fetches = None,
) -> KeySets:
    """Make the reader of clients' keys; `fetch` replaces the guarded fetch in tests."""
    loopback = settings.client_documents_on_loopback
    in_use, strangers = _open_fetches(loopback, fetches) if fetch is None else (fetch, fetch)
    return KeySets(in_use, strangers, configured, documents, now, allow_loopback=loopback)


def open_webhooks(
    settings: AuthServerSettings,
    database: Database,
    keys: Keys,
    now: Now,
    *,
    post: GuardedPost | None = None,
) -> Sender:
    """Make the sender of webhooks; `post` replaces the guarded post in tests."""
    return Sender(
        database,
        keys,
        post or GuardedPost(),
        now,
        random.random,
        private_hosts=frozenset(settings.webhook_private_hosts),
    )


def _open_fetches(loopback: bool, fetches: Fetches) -> tuple[Fetch, Fetch]:
    """Make the guarded fetches for clients in use and for strangers, each with its own threads."""
    in_use = GuardedFetch(resolve=Resolver(threads=8), allow_loopback=loopback)
    strangers = GuardedFetch(resolve=Resolver(threads=32), allow_loopback=loopback)
    return _counted(in_use, "clients_in_use", fetches), _counted(strangers, "strangers", fetches)


def _counted(fetch: Fetch, named_by: str, fetches: Fetches) -> Fetch:
    if fetches is None:
        return fetch

    async def run(url: str) -> Fetched:
        outcome = "refused"
        try:
            fetched = await fetch(url)
            outcome = "fetched"
        finally:
            fetches[named_by, outcome] += 1
        return fetched

    return run


OpenRuntime = Callable[[AuthServerSettings], AbstractAsyncContextManager[Runtime]]


@asynccontextmanager
async def open_runtime(
    settings: AuthServerSettings,
    *,
    now: Now = utc_now,
    open_tracing: OpenTracing = opened_tracing,
) -> AsyncIterator[Runtime]:
    """Open the runtime of the service."""
    keys = keys_of(settings)
    database = open_database(settings.database_url, info=sealing_with(keys))
    async with AsyncExitStack() as opened:
        # Opened first and closed last, so that the end of the other parts is recorded.
        tracing = await opened.enter_async_context(
            open_tracing(settings.tracing, "gatepost-auth-server", now)
        )
        if tracing is not None:
            from auth_server.db.traced import trace_statements  # imports OpenTelemetry

            database = trace_statements(database)
        opened.push_async_callback(database.close)
        http = await opened.enter_async_context(
            TracedClient(
                timeout=3,
                follow_redirects=False,
                trust_env=False,
                limits=httpx2.Limits(max_connections=20),
            )
        )
        gateway_http = await opened.enter_async_context(
            TracedClient(timeout=70, follow_redirects=False, trust_env=False)
        )
        keyring = Keyring(
            database,
            keys,
            rotate_after=settings.signing_key_lifetime,
            longest_token=settings.longest_token_lifetime,
        )
        await keyring.maintain(now())
        passwords = await asyncio.to_thread(Passwords)

        async def read(resource: ResourceSettings, at: datetime) -> CatalogueDocument:
            signer = await keyring.find_signer()
            return await read_catalogue(http, signer, settings.issuer, resource, now=at)

        catalogues = CatalogueCache(read, database, now, lifetime=settings.longest_token_lifetime)
        await catalogues.load(entry.resource for entry in settings.resources)

        async def fetch_configured(url: str) -> Fetched:
            return await fetch_key_set(http, url)

        url = settings.redis_url.get_secret_value() if settings.redis_url else None
        feed = await opened.enter_async_context(
            announcing(database, now, issuer=settings.issuer, redis_url=url)
        )
        fetches: Counter[tuple[str, str]] = Counter()
        documents = open_documents(settings, now, fetches=fetches)
        link_providers = open_link_providers(settings, now)
        yield Runtime(
            settings=settings,
            database=database,
            keyring=keyring,
            keys=keys,
            pages=open_pages(settings),
            passwords=passwords,
            mailer=open_mailer(settings),
            connectors=open_connectors(settings, keyring.find_signer, now),
            link_providers=link_providers,
            linked_tokens=LinkedTokens(database, keys, link_providers, now, new_secret),
            catalogues=catalogues,
            documents=documents,
            key_sets=open_key_sets(settings, documents, now, fetch_configured, fetches=fetches),
            feed=feed,
            wrong_guesses=WrongGuesses(settings.wrong_guesses_per_minute),
            begun=Buckets(settings.authorizations_per_minute),
            gateway_http=gateway_http,
            denials=Denials(),
            steps=StepCounts(),
            refreshes=Refreshes(),
            heads=HeadWriter(settings.audit_head_file),
            webhooks=open_webhooks(settings, database, keys, now),
            look_up_txt=look_up_txt,
            now=now,
            new_secret=new_secret,
            fetches=fetches,
            tracing=tracing,
        )
