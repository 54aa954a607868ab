"""The authorization request while it is being checked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from auth_server.client_documents.reader import ClientDocuments
from auth_server.db.engine import Database, DbSession
from auth_server.records.clients.table import Client
from auth_server.settings import AuthServerSettings
from auth_server.web.forms import Parameters
from gatepost.clock import Now


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """The checked part of a request; each check returns a copy with more of it.

    Once `redirect_uri` is set, refusals may be sent to the client.
    """

    parameters: Parameters
    client: Client | None = None
    redirect_uri: str | None = None
    state: str | None = None
    code_challenge: str = ""
    dpop_jkt: str | None = None
    resource: str = ""
    scopes: frozenset[str] = frozenset()
    nonce: str | None = None
    prompts: frozenset[str] = frozenset()
    signed_in_after: datetime | None = None
    is_pushed: bool = False
    """Whether the client pushed the parameters, so that no browser could change them."""
    wanted_class: str | None = None
    expected_person: str | None = None

    def known_client(self) -> Client:
        """Return the client, for checks that run after `resolve_client`."""
        if self.client is None:
            raise LookupError("resolve_client must come first in CHECKS")
        return self.client


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The parts that checks use to look up clients and resources."""

    db: DbSession
    database: Database
    settings: AuthServerSettings
    documents: ClientDocuments
    address: str
    now: Now


Check = Callable[[CheckedRequest, CheckContext], Awaitable[CheckedRequest]]
