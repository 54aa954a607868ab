"""The latest catalogue of each resource, which is stored and used to write `allowed_tools`."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from auth_server.db.engine import Database, DbSession
from auth_server.entitlements.step_up import StepUp, list_within_reach
from auth_server.records.catalogues.store import find_catalogue, keep_catalogue
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
                    self._learn(document)

    async def read(self, resource: ResourceSettings) -> CatalogueDocument:
        """Read the gateway's catalogue, and store it if it is a new version.

        Raises:
            CatalogueUnavailable: as in `read_catalogue`.
        """
        document = await self._read(resource, self._now())
        cached = self._cached.get(document.resource)
        if cached is None or not _is_same(cached.document, document):
            # A separate transaction, because a page that only reads must not hold the write lock
            # while a gateway is slow to answer.
            try:
                async with self._database.writing() as db, db.begin():
                    before = await find_catalogue(db, document.resource)
                    renamed = prove_renames(document, before) if before is not None else {}
                    document = document.model_copy(update={"renamed": renamed})
                    await keep_catalogue(db, document, now=self._now())
                    if before is not None and _reads_less(before, document):
                        await self._outdate_readers(db)
            except IntegrityError:
                pass  # another process stored it at the same moment
            self._learn(document)
            return document
        return cached.document

    async def _outdate_readers(self, db: DbSession) -> None:
        # Tokens of tenants that allow reading only may name a tool that changes things now.
        for tenant in await list_tenants(db):
            if tenant.read_only:
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

    def _learn(self, document: CatalogueDocument) -> None:
        self._cached[document.resource] = _Cached(document, document.group_tools())


def _is_same(stored: CatalogueDocument, read: CatalogueDocument) -> bool:
    # A newer gateway may tell more about the same tools.
    return stored.hash == read.hash and stored.tools == read.tools


def _reads_less(before: CatalogueDocument, after: CatalogueDocument) -> bool:
    reading = {tool.name for tool in before.tools if tool.read_only}
    return any(tool.name in reading and not tool.read_only for tool in after.tools)
