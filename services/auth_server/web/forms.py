"""Parse the parameters of a request strictly, once, before any rule reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from auth_server.errors import InvalidRequest, UnsupportedMediaType

BODY_LIMIT = 64 * 1024
MOST_FIELDS = 200
FORM_TYPE = "application/x-www-form-urlencoded"
_BODY = "gatepost.body"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # all except tabs and line ends


@dataclass(frozen=True, slots=True)
class Parameters:
    """Every value sent under each name, in order."""

    values: Mapping[str, tuple[str, ...]]

    def get(self, name: str) -> str | None:
        """Read the single value of a name; an empty value counts as absent (RFC 6749 §3.1)."""
        return next((value for value in self.values.get(name, ()) if value), None)

    def require(self, name: str) -> str:
        """Read the single value of a name.

        Raises:
            InvalidRequest: the parameter is missing.
        """
        value = self.get(name)
        if value is None:
            raise InvalidRequest(f"parameter {name} is missing")
        return value

    def all(self, name: str) -> tuple[str, ...]:
        """Read every non-empty value of a name."""
        return tuple(value for value in self.values.get(name, ()) if value)


def parse_parameters(encoded: str, *, fields: int = MOST_FIELDS) -> Parameters:
    """Read a query string or form body.

    Raises:
        InvalidRequest: it is not UTF-8, has more than `fields` fields, or a control character.
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=fields, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("the parameters are not form-encoded UTF-8") from None
    except ValueError:
        raise InvalidRequest(f"there are more than {fields} parameters") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise InvalidRequest("a parameter contains a control character")
        values.setdefault(name, []).append(value)
    return Parameters({name: tuple(given) for name, given in values.items()})


def read_query(request: Request) -> Parameters:
    """Read the query string.

    Raises:
        InvalidRequest: the query string is malformed.
    """
    return parse_parameters(_ascii(request.scope["query_string"], "query"))


def reject_repeats(parameters: Parameters, *, except_for: frozenset[str] = frozenset()) -> None:
    """Refuse repeated parameters (RFC 6749 §3.1, §3.2).

    Raises:
        InvalidRequest: with the first repeated parameter.
    """
    for name, values in parameters.values.items():
        if len(values) > 1 and name not in except_for:
            raise InvalidRequest(
                f"parameter {name[:60]!r} was sent more than once".replace('"', "")
            )


def media_type(request: Request) -> str:
    """Read the body's content type, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, limit: int = BODY_LIMIT) -> bytes:
    """Read a request body of at most `limit` bytes.

    Raises:
        UnsupportedMediaType: the body is compressed.
        InvalidRequest: the body is larger.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("send the body without Content-Encoding")
    if (kept := request.scope.get(_BODY)) is not None:
        return bytes(kept)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise InvalidRequest(f"the request body is larger than {limit} bytes")
    # Kept, because a request is handled again after a conflict.
    request.scope[_BODY] = bytes(body)
    return bytes(body)


async def read_form(
    request: Request, *, limit: int = BODY_LIMIT, fields: int = MOST_FIELDS
) -> Parameters:
    """Read a form body of at most `limit` bytes and `fields` fields.

    Raises:
        InvalidRequest: the body has another content type, is too large, or malformed.
    """
    if media_type(request) != FORM_TYPE:
        raise InvalidRequest(f"the body must be {FORM_TYPE}")
    body = await read_body(request, limit=limit)
    return parse_parameters(_ascii(body, "body"), fields=fields)


def _ascii(encoded: bytes, where: str) -> str:
    try:
        return encoded.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"the {where} is not form-encoded: it contains non-ASCII bytes"
        ) from None
