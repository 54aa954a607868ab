"""What an operator sets: section `mcp_gateway` of `gatepost.yaml`, or `GATEPOST_MCP_…`."""

import logging
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from gatepost.scopes import format_scope, parse_scope
from gatepost.settings import RedisUrl, ServiceSettings, require_secure_url
from mcp_gateway.credential_settings import AnyCredential

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2 token
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})

Confirmation = Literal["always", "where_possible", "never"]
SecureUrl = Annotated[str, AfterValidator(require_secure_url)]


class TierSettings(BaseModel):
    """How often a tenant of one tier may call tools."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    per_minute: int = Field(ge=1, le=10_000_000)
    """Calls a minute, all of the tenant's people and apps together, spread evenly."""
    burst: int = Field(ge=1, le=10_000_000)
    """Calls at once, after a pause."""


class McpGatewaySettings(ServiceSettings):
    """One gateway: one resource, one upstream API, one authorization server."""

    model_config = SettingsConfigDict(env_prefix="GATEPOST_MCP_", use_attribute_docstrings=True)
    section: ClassVar[str] = "mcp_gateway"

    resource: SecureUrl
    """Public URL of the MCP endpoint, as clients type it; also the `aud` of every token."""
    issuer: SecureUrl
    """The authorization server's issuer, byte for byte as it calls itself."""
    authorization_server_url: str = ""
    """Where the gateway itself reaches the authorization server; the issuer where not set."""
    redis_url: RedisUrl = None
    """Redis, which the gateway shares with the authorization server: revocations are read and call
    events written there. Where not set, both go to the authorization server itself."""
    jwks_url: str = ""
    """Where the issuer's signing keys are; `jwks.json` of it where not set. Plain http to
    another host is for a private network only: whoever answers there decides who may come in."""
    manifest: Path
    """The reviewed `tools.yaml`."""
    upstream_url: str
    """Base URL that every operation's path is appended to."""
    upstream_audience: str = ""
    """`aud` of the identity assertions; `upstream_url` where not set."""
    upstream_headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Headers sent with every request to the upstream's own origin."""
    upstream_credentials: dict[str, AnyCredential] = Field(default_factory=dict)
    """What the upstream knows the gateway by: the name of a security scheme of the OpenAPI document
    to where its secret comes from."""
    upstream_concurrency: int = Field(default=512, ge=2)
    """Calls at one upstream at once, of this process. No tenant has more of them than it leaves free
    to the others: one tenant alone half of them."""
    tiers: dict[str, TierSettings] = Field(
        default={
            "free": TierSettings(per_minute=120, burst=60),
            "pro": TierSettings(per_minute=1200, burst=300),
            "enterprise": TierSettings(per_minute=6000, burst=1000),
        }
    )
    """How often tenants may call, by the tier in their tokens."""
    default_tier: str = "free"
    """The tier of tenants whose own is not among `tiers`."""
    replicas: int = Field(default=1, ge=1)
    """How many processes of this gateway run. Each allows its share of a limit where calls are not
    counted in Redis, and while Redis is away."""
    signing_key: Path
    """PEM file of the EC P-256 key that signs identity assertions; made where missing."""
    event_spool: Path | None = None
    """File in which call events wait on this machine until they are delivered; beside the signing
    key, as `NAME.events.db`, where not set."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of browser clients, besides the resource's own."""
    allowed_hosts: tuple[str, ...] = ()
    """`Host` values the MCP endpoint answers to; the resource's own where not set."""
    confirm_destructive: Confirmation = "where_possible"
    """Whether a person confirms a call of a destructive tool: `always`, and a client that can't ask
    is refused; `where_possible`; or `never`, but for tools whose `confirm` the manifest sets."""
    confirm_destructive_for: dict[str, Confirmation] = Field(default_factory=dict)
    """The same for single tenants, by tenant id."""
    challenge_scope: str = "mcp:read mcp:write"
    """Scopes a client is told to ask for when it comes without a token."""
    keep_alive: float = Field(default=15, gt=0)
    """Seconds after which a call that still goes on is answered as a stream, so that no proxy ends
    the connection for its silence."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("upstream_url", "jwks_url", "authorization_server_url")
    @classmethod
    def _require_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be an http or https URL")
        if "?" in url or "#" in url:
            raise ValueError("must have no query and no fragment")
        return url

    @field_validator("resource")
    @classmethod
    def _require_path(cls, url: str) -> str:
        if not urlsplit(url).path:
            raise ValueError("must have a path, such as https://mcp.example.com/mcp")
        return url

    @field_validator("challenge_scope")
    @classmethod
    def _require_scope(cls, scope: str) -> str:
        return format_scope(parse_scope(scope))

    @field_validator("upstream_headers")
    @classmethod
    def _require_sendable(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
                raise ValueError(f"{name!r} is not a header that can be set")
            if any(not " " <= character <= "~" for character in value.get_secret_value()):
                raise ValueError(f"{name}: the value must be printable ASCII")
        return headers

    @model_validator(mode="after")
    def _require_default_tier(self) -> Self:
        if self.default_tier not in self.tiers:
            raise ValueError(f"default_tier: tiers has no {self.default_tier!r}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, object]) -> dict[str, object]:
        """Fill what is derived from another field, before the model is frozen."""
        filled = dict(values)
        if not filled.get("authorization_server_url"):
            filled["authorization_server_url"] = filled.get("issuer", "")
        base = filled["authorization_server_url"]
        if not filled.get("jwks_url") and isinstance(base, str) and base:
            filled["jwks_url"] = f"{base}/jwks.json"
        if not filled.get("upstream_audience"):
            filled["upstream_audience"] = filled.get("upstream_url", "")
        if not filled.get("allowed_hosts") and isinstance(filled.get("resource"), str):
            filled["allowed_hosts"] = (_host(str(filled["resource"])),)
        return filled

    @property
    def spool(self) -> Path:
        """The file in which call events wait."""
        return self.event_spool or self.signing_key.with_suffix(".events.db")

    @property
    def origin(self) -> str:
        """The resource's origin, as browsers write one."""
        return f"{urlsplit(self.resource).scheme}://{_host(self.resource)}"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What `upstream_headers` holds, in the clear."""
        named = self.upstream_headers.items()
        return tuple((name, value.get_secret_value()) for name, value in named)

    @property
    def path(self) -> str:
        """The resource's path, such as `/mcp`."""
        return urlsplit(self.resource).path

    @property
    def level(self) -> int:
        """The log level as the standard library numbers it."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]


def _host(url: str) -> str:
    """Read host and port as they stand in a `Host` header: lower case, no default port."""
    parts = urlsplit(url)
    return parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
