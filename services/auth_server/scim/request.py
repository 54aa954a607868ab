"""Read requests: who sends them, their bodies, and what they ask to see."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from auth_server.directory.acting import Directory
from auth_server.directory.tokens import find_directory
from auth_server.errors import InvalidRequest, InvalidToken
from auth_server.rate_limits.wrong_guesses import WrongGuesses
from auth_server.records.directory.tokens import needs_note_of_use, note_use
from auth_server.scim.errors import ScimError, invalid
from auth_server.web.address import address_of
from auth_server.web.dependencies import Clock, OpenDatabase, Settings, Transaction, part
from auth_server.web.forms import Parameters, media_type, read_body, read_query

BODY_LIMIT = 1024 * 1024
USUAL_COUNT, MOST_COUNT = 100, 200
_MEDIA_TYPES = frozenset({"application/scim+json", "application/json"})
_LARGEST_INDEX = 10**9


async def _authenticate(
    request: Request,
    database: OpenDatabase,
    transaction: Transaction,
    settings: Settings,
    wrong_guesses: Annotated[WrongGuesses, Depends(part(lambda runtime: runtime.wrong_guesses))],
    now: Clock,
) -> Directory:
    """Find the directory by the bearer token, before the request opens its own transaction.

    Raises:
        InvalidToken: the token is missing, unknown or revoked.
        TooManyRequests: the address has sent too many wrong tokens.
    """
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise InvalidToken("send the directory's token as Authorization: Bearer …")
    address, at = address_of(request, settings), now()
    wrong_guesses.require_patience("scim", address, at)
    async with database.reading() as db:
        found = await find_directory(db, text.strip(), settings)
    if found is None:
        wrong_guesses.count("scim", address, at)
        raise InvalidToken("the token is unknown or revoked")
    token, directory = found
    if needs_note_of_use(token, now=at):
        async with transaction() as writing:
            await note_use(writing, token.token_id, now=at)
    return directory


Caller = Annotated[Directory, Depends(_authenticate)]
"""The directory of the tenant whose token the request has."""


async def read_json(request: Request) -> dict[str, Any]:
    """Read the body, a JSON object of at most one MiB.

    Raises:
        ScimError: 415, 413, or `invalidSyntax`.
    """
    if media_type(request) not in _MEDIA_TYPES:
        raise ScimError(415, "send the body as application/scim+json")
    try:
        body = await read_body(request, limit=BODY_LIMIT)
    except InvalidRequest as error:
        raise ScimError(error.status if error.status == 415 else 413, error.description) from None
    try:
        read = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON", "invalidSyntax") from None
    if not isinstance(read, dict):
        raise invalid("the body must be a JSON object", "invalidSyntax")
    return read


def is_id(text: str) -> bool:
    """Return whether a text may be the id of a user or group; no database is asked for others."""
    return text.isascii() and text.isalnum() and len(text) <= 64


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks to see of resources (RFC 7644 §3.4.2.5), and which part of a list.

    Names are in lower case. `skip` is counted from 0, although `startIndex` begins with 1.
    """

    filter: str
    skip: int
    count: int
    attributes: frozenset[str]
    excluded: frozenset[str]

    @property
    def restricts(self) -> bool:
        """Whether only some attributes are asked for."""
        return bool(self.attributes or self.excluded)

    def wants(self, name: str) -> bool:
        """Return whether an attribute, in lower case, is asked for; the id always is."""
        if self.attributes:
            return any(one == name or one.startswith(f"{name}.") for one in self.attributes)
        return name not in self.excluded

    def select(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is asked for of a resource."""
        return {
            name: value
            for name, value in resource.items()
            if name in {"schemas", "id"} or self.wants(name.lower())
        }


async def _read_asked(request: Request) -> Asked:
    """Read the query.

    Raises:
        ScimError: `invalidValue` names the parameter.
    """
    try:
        query = read_query(request)
    except InvalidRequest as error:
        raise invalid(error.description) from None
    start = _read_number(query, "startIndex", 1)
    return Asked(
        filter=query.get("filter") or "",
        skip=min(max(start, 1), _LARGEST_INDEX) - 1,
        count=min(max(_read_number(query, "count", USUAL_COUNT), 0), MOST_COUNT),
        attributes=_read_names(query, "attributes"),
        excluded=_read_names(query, "excludedAttributes"),
    )


Query = Annotated[Asked, Depends(_read_asked)]


def _read_number(query: Parameters, name: str, usual: int) -> int:
    text = query.get(name)
    if text is None:
        return usual
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise invalid(f"{name} must be a whole number")
    return int(text)


def _read_names(query: Parameters, name: str) -> frozenset[str]:
    core = "urn:ietf:params:scim:schemas:core:2.0:"
    given = [one.strip().lower() for one in (query.get(name) or "").split(",")]
    return frozenset(
        one.removeprefix(f"{core}user:").removeprefix(f"{core}group:") for one in given if one
    )
