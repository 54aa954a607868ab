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


@dataclass(frozen=True, slots=True)
class Operation:
    """Method, path template below the upstream's base URL, and where each argument goes."""

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    responses: Mapping[str, Any] = field(default_factory=dict)
    """Status to content types the document declares, for shaping only."""

    @property
    def arguments(self) -> frozenset[str]:
        """Every argument key the operation has, claim-bound ones included."""
        keys = {parameter.argument for parameter in self.parameters}
        if self.body is not None:
            keys |= set(self.body.properties)
            if self.body.whole is not None:
                keys.add(self.body.whole)
        return frozenset(keys)
