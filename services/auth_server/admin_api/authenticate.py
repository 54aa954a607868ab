"""Authenticate a program by its admin token, and refuse values that no database stores."""

import re
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from auth_server.administration.admin_tokens import find_token_operator
from auth_server.administration.errors import Refused
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
# Tabs and line ends are text.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


async def require_text(request: Request) -> None:
    """Refuse control characters in the path, the query and the body.

    PostgreSQL can't store NUL or half of a surrogate pair, which JSON can contain.

    Raises:
        Refused: with the name of the value.
    """
    given: list[tuple[str, Any]] = [
        *request.path_params.items(),
        *request.query_params.multi_items(),
    ]
    if await request.body():
        try:
            given.append(("body", await request.json()))
        except ValueError:
            return  # The operation refuses malformed JSON itself.
        except RecursionError:
            raise Refused("body", "must not be nested so deeply") from None
    while given:
        name, value = given.pop()
        if isinstance(value, dict):
            given.extend(value.items())
        elif isinstance(value, list):
            given.extend((name, one) for one in value)
        elif isinstance(value, str) and _NO_TEXT.search(value):
            raise Refused(name, "must not contain control characters")


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
        Refused: a value contains a control character.
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
    await require_text(request)
    return operator


Caller = Annotated[ActingOperator, Depends(_authenticate)]
"""Who calls; each function of `administration` requires the scope that it needs."""
