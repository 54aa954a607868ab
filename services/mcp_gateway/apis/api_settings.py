"""Settings of one of several APIs: an entry of `apis`."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from mcp_gateway.apis.credential_settings import AnyCredential

API_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2 token
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})

UpstreamConnections = Literal["shared", "per_tenant", "single_use"]


def require_http_url(url: str) -> str:
    """Refuse a URL that is neither http nor https, or that has a query or a fragment; empty is allowed.

    Raises:
        ValueError: the message names the problem.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("must be an http or https URL")
    if "?" in url or "#" in url:
        raise ValueError("must not have a query or a fragment")
    return url


def require_sendable(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Refuse headers that can't be set, or whose values can't be sent.

    Raises:
        ValueError: the message names the header, never its value.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(f"{name!r} is not a header that can be set")
        if any(not " " <= character <= "~" for character in value.get_secret_value()):
            raise ValueError(f"{name}: the value must be printable ASCII")
    return headers


HttpUrl = Annotated[str, AfterValidator(require_http_url)]
SentHeaders = Annotated[dict[str, SecretStr], AfterValidator(require_sendable)]


class ApiSettings(BaseModel):
    """One of several APIs behind the gateway."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    url: Annotated[HttpUrl, Field(min_length=1)]
    """Base URL of the API; each operation's path is appended to it."""
    manifest: Path
    """The reviewed `tools.yaml` of the API."""
    prefix: str | None = Field(default=None, pattern=r"^[a-zA-Z0-9_-]{0,32}$")
    """Text before the names of its tools, prompts and resources; by default its name and `_`."""
    audience: str = ""
    """`aud` of the identity assertions; by default `url`."""
    headers: SentHeaders = Field(default_factory=dict)
    """Headers sent with every request to the API's own origin."""
    credentials: dict[str, AnyCredential] = Field(default_factory=dict)
    """The credentials that the gateway presents to this API alone, by the names of security schemes of
    its OpenAPI document."""
    connections: UpstreamConnections = "shared"
    """Who shares connections to the API, as in `upstream_connections`."""
    concurrency: int = Field(default=512, ge=2)
    """How many concurrent calls this process makes to the API, which others can't use up."""
    per_minute: int | None = Field(default=None, ge=1, le=10_000_000)
    """Calls a minute that one tenant may make to the API, in addition to its plan's limits."""
