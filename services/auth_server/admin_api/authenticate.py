"""Authenticate a program by its admin token."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from auth_server.administration.admin_tokens import find_token_operator
from auth_server.administration.operator import ActingOperator
from auth_server.errors import InvalidToken
from auth_server.rate_limits.wrong_guesses import WrongGuesses
from auth_server.records.admin_tokens.store import needs_note_of_use, note_use
from auth_server.web.address import address_of
from auth_server.web.dependencies import Clock, OpenDatabase, Settings, Transaction, part

_bearer = HTTPBearer(
    scheme_name="admin_token",
    description="A token from `gatepost auth-server admin-tokens create` or from the console.",
    auto_error=False,
)


async def _authenticate(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    database: OpenDatabase,
    transaction: Transaction,
    settings: Settings,
    wrong_guesses: Annotated[WrongGuesses, Depends(part(lambda runtime: runtime.wrong_guesses))],
    now: Clock,
) -> ActingOperator:
    """Find the caller, before the request opens its own transaction.

    Raises:
        InvalidToken: the token is missing, unknown, expired or revoked.
        TooManyRequests: the address has sent too many wrong tokens.
    """
    if given is None:
        raise InvalidToken("send an admin token as Authorization: Bearer …")
    address, at = address_of(request, settings), now()
    wrong_guesses.require_patience("admin_api", address, at)
    async with database.reading() as db:
        found = await find_token_operator(db, given.credentials, now=at)
    if found is None:
        wrong_guesses.count("admin_api", address, at)
        raise InvalidToken("the admin token is unknown, expired or revoked")
    token, operator = found
    if needs_note_of_use(token, now=at):
        async with transaction() as writing:
            await note_use(writing, token.token_id, now=at)
    return operator


Caller = Annotated[ActingOperator, Depends(_authenticate)]
"""Who calls; each function of `administration` requires the scope that it needs."""
