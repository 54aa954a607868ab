"""One operation of the upstream API, as far as a request to it must be written exactly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Location = Literal["path", "query", "header", "cookie"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One upstream parameter and the argument that fills it."""

    argument: str
    """The key in the tool's arguments; legal for every client, so not always the upstream name."""
    name: str
    """The upstream's own name for it."""
    location: Location
    required: bool = False
    style: str = "simple"
    explode: bool = False
    allow_reserved: bool = False
    slashes: bool = False
    """Whether `/` in a path parameter's value stays one, for an API whose ids are paths."""
    content_type: str | None = None
    """Set where the parameter is serialised as a document (OpenAPI `content`), else by style."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one property of a form or multipart body is written, where the document says so."""

    content_type: str | None = None
    """The part's type; JSON in a URL-encoded form makes the value one JSON text."""
    style: str | None = None
    explode: bool = True


@dataclass(frozen=True, slots=True)
class Body:
    """How the arguments that belong to the request body are written."""

    content_type: str
    properties: Mapping[str, str] = field(default_factory=dict)
    """Argument key to property name in the body object; empty where one argument is the body."""
    whole: str | None = None
    """The one argument that is the whole body, where the body is no object."""
    required: bool = False
    files: frozenset[str] = frozenset()
    """Argument keys whose value is a file: base64 text, sent as bytes."""
    encodings: Mapping[str, Encoding] = field(default_factory=dict)
    """By argument key, for forms alone; absent means the media type's own default."""
    extra: str | None = None
    """The argument whose members join the body object beside the named properties."""


@dataclass(frozen=True, slots=True)
class Pagination:
    """How a listing is read in pieces, as far as names tell."""

    kind: Literal["cursor", "page", "offset"]
    position: str
    """The argument that says where to go on: the cursor, the page or the offset."""
    size: str | None = None
    """The argument that says how much to answer at once."""
    next: tuple[str, ...] | None = None
    """Where the answer holds the next cursor or page, as the names on the way to it."""
    items: tuple[str, ...] | None = None
    """Where the answer holds the list; () where the answer is the list."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Method, path template below the upstream's base URL, and where each argument goes."""

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    responses: Mapping[str, Any] = field(default_factory=dict)
    """Status to content types the document declares, for shaping only."""
    base_url: str | None = None
    """A server of the operation's own, used in place of the configured one; None nearly always."""
    security: tuple[tuple[str, ...], ...] = ()
    """Alternatives, each the security schemes that must all be met; () where none is asked for."""
    pagination: Pagination | None = None
    idempotency: str | None = None
    """The argument that is an idempotency key's header: for the gateway to fill, not for a model.
    """
    secrets: frozenset[str] = frozenset()
    """Arguments that ask for a password: an operation that has any is never exposed by itself."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Keys inside values that clients would reject: the legal key to the upstream's own."""

    @property
    def arguments(self) -> frozenset[str]:
        """Every argument key the operation has, claim-bound ones included."""
        keys = {parameter.argument for parameter in self.parameters}
        if self.body is not None:
            keys |= set(self.body.properties)
            keys |= {key for key in (self.body.whole, self.body.extra) if key is not None}
        return frozenset(keys)
