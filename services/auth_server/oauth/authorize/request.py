"""The authorization request as the checks come to know it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from auth_server.client_documents.reader import ClientDocuments
from auth_server.db.engine import DbSession
from auth_server.records.clients.table import Client
from auth_server.settings import AuthServerSettings
from auth_server.web.forms import Parameters
from gatepost.clock import Now


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """What is known of a request so far; each check answers a copy that knows more.

    From the moment `redirect_uri` is set, refusals may be sent to the client.
    """

    parameters: Parameters
    client: Client | None = None
    redirect_uri: str | None = None
    state: str | None = None
    code_challenge: str = ""
    resource: str = ""
    scopes: frozenset[str] = frozenset()
    signed_in_after: datetime | None = None

    def known_client(self) -> Client:
        """The client, for checks that come after it was resolved."""
        if self.client is None:
            raise LookupError("resolve_client comes first in CHECKS")
        return self.client


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What checks may look things up in."""

    db: DbSession
    settings: AuthServerSettings
    documents: ClientDocuments
    now: Now


Check = Callable[[CheckedRequest, CheckContext], Awaitable[CheckedRequest]]
