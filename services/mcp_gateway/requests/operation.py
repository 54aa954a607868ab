"""One operation of the upstream API, with everything needed to write requests exactly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Location = Literal["path", "query", "header", "cookie"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One upstream parameter and the argument that fills it."""

    argument: str
    """The key in the tool's arguments, which every client accepts; it may differ from `name`."""
    name: str
    """The upstream's own name."""
    location: Location
    required: bool = False
    style: str = "simple"
    explode: bool = False
    allow_reserved: bool = False
    slashes: bool = False
    """Whether `/` in a path parameter's value is not encoded, for an API whose ids are paths."""
    content_type: str | None = None
    """The type of a parameter that is serialised as a document (OpenAPI `content`), not by style."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one property of a form or multipart body is written, as the document declares."""

    content_type: str | None = None
    """The part's type; JSON in a URL-encoded form makes the value one JSON text."""
    style: str | None = None
    explode: bool = True


@dataclass(frozen=True, slots=True)
class Body:
    """How the arguments that belong to the request body are written."""

    content_type: str
    properties: Mapping[str, str] = field(default_factory=dict)
    """Argument key to property name in the body object; empty if one argument is the body."""
    whole: str | None = None
    """The argument that is the whole body, if the body is not an object."""
    required: bool = False
    files: frozenset[str] = frozenset()
    """Argument keys whose value is a file, given as base64 text and sent as bytes."""
    encodings: Mapping[str, Encoding] = field(default_factory=dict)
    """Encodings by argument key, only for forms; the media type's default applies to others."""
    extra: str | None = None
    """The argument whose members are added to the named properties of the body object."""


@dataclass(frozen=True, slots=True)
class Pagination:
    """How a listing is paginated, as detected from names."""

    kind: Literal["cursor", "page", "offset"]
    position: str
    """The argument for the position: the cursor, the page or the offset."""
    size: str | None = None
    """The argument for the number of items."""
    next: tuple[str, ...] | None = None
    """The path in the answer of the next cursor or page."""
    items: tuple[str, ...] | None = None
    """The path in the answer of the list; () if the answer is the list."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Method, path template below the upstream's base URL, and the destination of each argument."""

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    responses: Mapping[str, Any] = field(default_factory=dict)
    """Status to the content types that the document declares, only for shaping answers."""
    base_url: str | None = None
    """The operation's own server, if it does not use the configured one."""
    security: tuple[tuple[str, ...], ...] = ()
    """Alternatives, each a set of security schemes that must all be met; () if none is needed."""
    pagination: Pagination | None = None
    idempotency: str | None = None
    """The argument of the idempotency key's header, which the gateway fills."""
    secrets: frozenset[str] = frozenset()
    """Arguments that ask for a password; an operation with one is not exposed by default."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Legal key to the upstream's key, for keys inside values that clients would reject."""

    @property
    def arguments(self) -> frozenset[str]:
        """Every argument key of the operation, including claim-bound ones."""
        keys = {parameter.argument for parameter in self.parameters}
        if self.body is not None:
            keys |= set(self.body.properties)
            keys |= {key for key in (self.body.whole, self.body.extra) if key is not None}
        return frozenset(keys)
