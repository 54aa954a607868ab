"""Parameters of a request, read strictly and once: at the door, before any rule looks at them."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from auth_server.errors import InvalidRequest

BODY_LIMIT = 64 * 1024
FORM_TYPE = "application/x-www-form-urlencoded"


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
            InvalidRequest: naming the parameter that is missing.
        """
        value = self.get(name)
        if value is None:
            raise InvalidRequest(f"parameter {name} is missing")
        return value

    def all(self, name: str) -> tuple[str, ...]:
        """Read every non-empty value of a name."""
        return tuple(value for value in self.values.get(name, ()) if value)


def parse_parameters(encoded: str) -> Parameters:
    """Read a query string or form body.

    Raises:
        InvalidRequest: not UTF-8, more than 200 fields, or a control character in a value.
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=200, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise InvalidRequest("the parameters are not form-encoded UTF-8") from None
    values: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if any(ord(character) < 0x20 and character not in "\r\n\t" for character in name + value):
            raise InvalidRequest("a parameter holds a control character")
        values[name] = (*values.get(name, ()), value)
    return Parameters(values)


def reject_repeats(parameters: Parameters, *, except_for: frozenset[str] = frozenset()) -> None:
    """Refuse a parameter that was sent twice (RFC 6749 §3.1, §3.2).

    Raises:
        InvalidRequest: naming the first repeated parameter.
    """
    for name, values in parameters.values.items():
        if len(values) > 1 and name not in except_for:
            raise InvalidRequest(
                f"parameter {name[:60]!r} was sent more than once".replace('"', "")
            )


async def read_body(request: Request, *, limit: int = BODY_LIMIT) -> bytes:
    """Read a request body of at most `limit` bytes.

    Raises:
        InvalidRequest: it is larger.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise InvalidRequest(f"the request body is larger than {limit} bytes")
    return bytes(body)


async def read_form(request: Request) -> Parameters:
    """Read a form body.

    Raises:
        InvalidRequest: another content type, too large, or malformed.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        raise InvalidRequest(f"the body must be {FORM_TYPE}")
    try:
        text = (await read_body(request)).decode("ascii")
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not form-encoded: it holds bytes beyond ASCII") from None
    return parse_parameters(text)
