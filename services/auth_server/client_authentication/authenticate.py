"""Authenticate the client that sends a request."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from auth_server.client_authentication.credentials import (
    Credentials,
    MatchContext,
    read_credentials,
)
from auth_server.client_authentication.private_key_jwt import match_assertion
from auth_server.client_authentication.public import match_public_client
from auth_server.client_authentication.secret import match_secret
from auth_server.client_documents.key_sets import KeySets
from auth_server.errors import InvalidClient
from auth_server.rate_limits.wrong_guesses import WrongGuesses
from auth_server.records.clients.facts import ClientFacts
from auth_server.records.clients.table import AuthMethod
from auth_server.web.address import address_of
from auth_server.web.dependencies import Clock, OpenDatabase, Settings, part
from auth_server.web.forms import Parameters

MatchClient = Callable[[Credentials, MatchContext], Awaitable[ClientFacts]]

METHODS: Mapping[AuthMethod, MatchClient] = {
    "none": match_public_client,
    "client_secret_basic": match_secret,
    "client_secret_post": match_secret,
    "private_key_jwt": match_assertion,
}


@dataclass(frozen=True, slots=True)
class ClientAuthenticator:
    """Authenticates clients, and counts their failures."""

    context: MatchContext
    wrong_guesses: WrongGuesses

    async def authenticate(self, form: Parameters, request: Request) -> ClientFacts:
        """Find the client, and authenticate it by its registered method only.

        An unknown client and a wrong secret get the same refusal (RFC 6749 §2.3, §5.2). Call it
        before the request opens a database transaction: each method opens its own, and SQLite has
        one writer.

        Args:
            form: the request's form.
            request: the request, for its `Authorization` header and address.

        Raises:
            InvalidClient: the client is unknown, uses another method, or fails to authenticate.
            InvalidRequest: the request uses two methods.
            TooManyRequests: the client or the address has failed too often.
        """
        given = read_credentials(form, request.headers.get("authorization"))
        address, now = address_of(request, self.context.settings), self.context.now()
        self.wrong_guesses.require_patience(given.client_id, address, now)
        try:
            return await METHODS[given.method](given, self.context)
        except InvalidClient:
            self.wrong_guesses.count(given.client_id, address, now)
            raise

    def count_wrong_guess(self, client: ClientFacts, request: Request) -> None:
        """Count an invalid token or code that an authenticated client sent."""
        address = address_of(request, self.context.settings)
        self.wrong_guesses.count(client.client_id, address, self.context.now())


async def _authenticator(
    settings: Settings,
    database: OpenDatabase,
    key_sets: Annotated[KeySets, Depends(part(lambda runtime: runtime.key_sets))],
    wrong_guesses: Annotated[WrongGuesses, Depends(part(lambda runtime: runtime.wrong_guesses))],
    now: Clock,
) -> ClientAuthenticator:
    return ClientAuthenticator(MatchContext(settings, database, key_sets, now), wrong_guesses)


Authenticator = Annotated[ClientAuthenticator, Depends(_authenticator)]
