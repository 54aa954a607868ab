"""The latest catalogue of each resource, which is stored and used to write `allowed_tools`."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from auth_server.db.engine import Database, DbSession
from auth_server.entitlements.step_up import StepUp, list_within_reach
from auth_server.records.catalogues.names import follow_names
from auth_server.records.catalogues.store import (
    find_catalogue,
    find_followed_catalogue,
    keep_catalogue,
)
from auth_server.records.tenants.store import list_tenants
from auth_server.revocations.revoke import outdate_tokens
from auth_server.settings import ResourceSettings
from gatepost.allowed_tools import Toolsets
from gatepost.catalogue import CatalogueDocument, prove_renames
from gatepost.clock import Now

ReadCatalogue = Callable[[ResourceSettings, datetime], Awaitable[CatalogueDocument]]
_MAX_CACHED = 1000


@dataclass(frozen=True, slots=True)
class _Cached:
    document: CatalogueDocument
    """As it is stored, with the renames that hold."""
    toolsets: Toolsets
    is_followed: bool
    """Whether this process knows that the names of its tools were followed."""
    written: dict[tuple[frozenset[str], StepUp | None], frozenset[str]] = field(
        default_factory=dict
    )


class CatalogueCache:
    """Reads catalogues, stores each version, and writes `allowed_tools` by the latest."""

    def __init__(
        self,
        read: ReadCatalogue,
        database: Database,
        now: Now,
        *,
        lifetime: timedelta = timedelta(minutes=10),
    ) -> None:
        """Take the reader, the database for the versions, the clock, and how long tokens live."""
        self._lifetime = lifetime
        self._read = read
        self._database = database
        self._now = now
        self._cached: dict[str, _Cached] = {}

    async def load(self, resources: Iterable[str]) -> None:
        """Load the latest versions that were stored before this process started."""
        async with self._database.reading() as db:
            for resource in resources:
                document = await find_catalogue(db, resource)
                if document is not None:
                    self._learn(document, is_followed=False)

    async def read(self, resource: ResourceSettings) -> CatalogueDocument:
        """Read the gateway's catalogue, and store it if it is a new version.

        Raises:
            CatalogueUnavailable: as in `read_catalogue`.
        """
        document = await self._read(resource, self._now())
        cached = self._cached.get(document.resource)
        if cached is None or not cached.is_followed or not _is_same(cached.document, document):
            # A separate transaction, because a page that only reads must not hold the write lock
            # while a gateway is slow to answer.
            try:
                async with self._database.writing() as db, db.begin():
                    before = await find_followed_catalogue(db, document.resource)
                    document = _follow(document, before)
                    await keep_catalogue(db, document, now=self._now())
                    if before is not None:
                        await self._outdate(db, before, document)
            except IntegrityError:
                pass  # another process stored it at the same moment
            self._learn(document, is_followed=True)
            return document
        return cached.document

    async def _outdate(
        self, db: DbSession, before: CatalogueDocument, after: CatalogueDocument
    ) -> None:
        # Tokens may name a tool that another API has now, and those of tenants that allow reading
        # only a tool that changes things now.
        of_all = any(before.taken.get(name) != apis for name, apis in after.taken.items())
        if not of_all and not _reads_less(before, after):
            return
        for tenant in await list_tenants(db):
            if of_all or tenant.read_only:
                await outdate_tokens(
                    db, "tenant", tenant.tenant_id, lifetime=self._lifetime, now=self._now()
                )

    def name(self, resource: str) -> str | None:
        """Return the name of a resource's gateway, if a catalogue of it was ever read."""
        cached = self._cached.get(resource)
        return cached.document.name if cached is not None else None

    def write_tools(
        self, resource: ResourceSettings, tools: frozenset[str], step_up: StepUp | None
    ) -> frozenset[str]:
        """Write tools as the shortest `allowed_tools` that allows exactly them.

        The tools for which the app may still ask its person are among them, so that the gateway
        lists them. Their scope is missing in the token, so that a call asks for it.
        """
        cached = self._cached.get(resource.resource)
        if cached is None:
            return tools
        written = cached.written.get((tools, step_up))
        if written is None:
            more: frozenset[str] = frozenset()
            if step_up is not None:
                more = list_within_reach(cached.document, step_up, frozenset(resource.scopes))
            written = cached.toolsets.shorten(tools | more)
            if len(cached.written) >= _MAX_CACHED:
                del cached.written[next(iter(cached.written))]
            cached.written[tools, step_up] = written
        return written

    def _learn(self, document: CatalogueDocument, *, is_followed: bool) -> None:
        toolsets = document.group_tools()
        self._cached[document.resource] = _Cached(document, toolsets, is_followed)


def _follow(document: CatalogueDocument, before: CatalogueDocument | None) -> CatalogueDocument:
    """Return a gateway's document with what only the catalogue before it tells."""
    if before is None:
        return document.model_copy(update={"renamed": {}, "taken": {}, "gone": {}})
    document = document.model_copy(update={"renamed": prove_renames(document, before)})
    taken, gone = follow_names(document, before)
    return document.model_copy(update={"taken": taken, "gone": gone})


def _is_same(stored: CatalogueDocument, read: CatalogueDocument) -> bool:
    # A newer gateway may tell more about the same tools.
    return stored.hash == read.hash and stored.tools == read.tools


def _reads_less(before: CatalogueDocument, after: CatalogueDocument) -> bool:
    reading = {tool.name for tool in before.tools if tool.read_only}
    return any(tool.name in reading and not tool.read_only for tool in after.tools)
