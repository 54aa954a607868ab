"""Settings of the gateway: section `mcp_gateway` of `gatepost.yaml`, or `GATEPOST_MCP_…`."""

import logging
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError
from pydantic_settings import SettingsConfigDict

from gatepost.scopes import format_scope, parse_scope
from gatepost.settings import RedisUrl, ServiceSettings, require_secure_url
from mcp_gateway.apis.api import Api
from mcp_gateway.apis.api_settings import (
    API_NAME,
    ApiSettings,
    HttpUrl,
    SentHeaders,
    UpstreamConnections,
)
from mcp_gateway.apis.credential_settings import AnyCredential

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

Confirmation = Literal["always", "where_possible", "never"]
SecureUrl = Annotated[str, AfterValidator(require_secure_url)]


_ONE_API = (
    "manifest",
    "upstream_url",
    "upstream_audience",
    "upstream_headers",
    "upstream_credentials",
    "upstream_connections",
    "upstream_concurrency",
)
"""The settings that describe the only API of a gateway, which `apis` replaces."""


class TierSettings(BaseModel):
    """How often a tenant of one tier may call tools."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    per_minute: int = Field(ge=1, le=10_000_000)
    """Calls a minute of all people and apps of one tenant together, spread evenly."""
    burst: int = Field(ge=1, le=10_000_000)
    """Calls that a tenant may make at once after a pause."""


class McpGatewaySettings(ServiceSettings):
    """One gateway: one resource, its APIs, one authorization server."""

    model_config = SettingsConfigDict(env_prefix="GATEPOST_MCP_", use_attribute_docstrings=True)
    section: ClassVar[str] = "mcp_gateway"

    resource: SecureUrl
    """Public URL of the MCP endpoint, exactly as people enter it; also the `aud` of every token."""
    issuer: SecureUrl
    """The authorization server's issuer, byte for byte as in its metadata."""
    authorization_server_url: HttpUrl = ""
    """The URL at which the gateway reaches the authorization server; by default the issuer."""
    redis_url: RedisUrl = None
    """The Redis that both services share: the gateway reads revocations from it and writes call
    events to it. Without one, the gateway exchanges both with the authorization server."""
    jwks_url: HttpUrl = ""
    """The URL of the issuer's keys; by default `/jwks.json` of the issuer. Use plain http to another
    host only on a private network: the server at this URL decides whose tokens are valid."""
    apis: dict[str, ApiSettings] = Field(default_factory=dict)
    """Several APIs behind this gateway, by name, instead of `manifest` and `upstream_…`."""
    name: str = Field(default="", max_length=200)
    """The product's name, as consent pages show it; by default the `name` of the first manifest."""
    manifest: Path | None = None
    """The reviewed `tools.yaml`."""
    published: Path | None = None
    """The folder that `gatepost publish --write` made. The gateway serves its server card, AI catalog and
    domain proofs, to everybody, and no other file of it."""
    upstream_url: HttpUrl = ""
    """Base URL of your API; each operation's path is appended to it."""
    upstream_audience: str = ""
    """`aud` of the identity assertions; by default `upstream_url`."""
    upstream_headers: SentHeaders = Field(default_factory=dict)
    """Headers sent with every request to the upstream's own origin."""
    upstream_credentials: dict[str, AnyCredential] = Field(default_factory=dict)
    """The credentials that the gateway presents to the upstream, by the names of security schemes of
    the OpenAPI document."""
    upstream_connections: UpstreamConnections = "shared"
    """Who shares connections to the API: `shared` all calls, `per_tenant` those of one tenant;
    `single_use` closes a connection after each call."""
    upstream_concurrency: int = Field(default=512, ge=2)
    """How many concurrent calls this process makes to one upstream. A tenant never uses more of them
    than it leaves free: a single tenant gets half."""
    tiers: dict[str, TierSettings] = Field(
        default={
            "free": TierSettings(per_minute=120, burst=60),
            "pro": TierSettings(per_minute=1200, burst=300),
            "enterprise": TierSettings(per_minute=6000, burst=1000),
        }
    )
    """How often tenants may call tools, by plan, until the gateway has learned the plans from the
    authorization server."""
    default_tier: str = "free"
    """The tier of tenants whose own plan is not known."""
    replicas: int = Field(default=1, ge=1)
    """How many processes of this gateway run, until the authorization server has told it. Without Redis, or
    while it is unreachable, each process allows its share of every limit."""
    stale_revocations_after: float = Field(default=600, ge=60)
    """How many seconds the gateway accepts every valid token without news of revocations. After that,
    it accepts only access tokens that are younger than this."""
    signing_key: Path
    """PEM file of the EC P-256 key that signs identity assertions; the gateway creates a missing
    one."""
    event_spool: Path | None = None
    """File that stores call events on this machine until they are delivered; by default
    `NAME.events.db` beside the signing key."""
    record_searches: bool = True
    """Whether the words of searches that find no tool are counted, for operators who decide which tools to
    offer."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of browser-based clients, in addition to the resource's own. `http://localhost:*` allows
    every port of a loopback host."""
    allowed_hosts: tuple[str, ...] = ()
    """`Host` values that the MCP endpoint accepts; by default the resource's host, and for a loopback
    host the other loopback names, too."""
    dpop_nonces: bool = False
    """Whether a DPoP proof must contain a nonce of this gateway, which costs a client one more request
    every few minutes."""
    client_certificate_header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    """The header in which your proxy passes on the client certificate that it has verified, for tokens that
    are bound to a certificate (RFC 8705). The proxy must remove the header from other requests."""
    confirm_destructive: Confirmation = "where_possible"
    """Whether a person confirms each call of a destructive tool: `always` refuses calls from a client
    that can't ask; `where_possible` lets them pass; `never` confirms only tools with `confirm` in the
    manifest."""
    confirm_destructive_for: dict[str, Confirmation] = Field(default_factory=dict)
    """The same policy for individual tenants, by tenant id."""
    serve_skills: bool = False
    """Whether clients get the manifest's `skills`, by the extension that is named
    `io.modelcontextprotocol/skills`. Few clients know it yet."""
    challenge_scope: str = ""
    """The scopes that the gateway tells a client without a token to request; by default every scope
    that the manifest uses."""
    keep_alive: float = Field(default=15, gt=0)
    """Seconds after which the answer to a running call becomes a stream, so that no proxy closes an
    idle connection."""
    event_secrets: dict[str, tuple[SecretStr, ...]] = Field(default_factory=dict)
    """The signing secrets of your API's webhooks, by their names in the manifest's `events`. Messages
    signed with any secret of a webhook count, so that you can replace one."""
    notification_streams: int = Field(default=2000, ge=0)
    """How many clients may keep a stream of notifications open at this process. Each is a connection;
    one tenant gets half at most. 0 offers no streams."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("apis")
    @classmethod
    def _require_names(cls, apis: dict[str, ApiSettings]) -> dict[str, ApiSettings]:
        for name in apis:
            # The tools of an API are in a toolset of its name, and these two exist.
            if not API_NAME.fullmatch(name) or name in {"read", "write"}:
                raise ValueError(
                    f"{name!r} is not a name of an API: write up to 31 lower-case letters, digits and "
                    "_, such as invoicing, but not read or write"
                )
        return apis

    @field_validator(*_ONE_API, mode="before")
    @classmethod
    def _require_one_form(cls, value: Any, info: ValidationInfo) -> Any:
        """Require the fields of the only API, or refuse them beside `apis`."""
        apis, field = info.data.get("apis"), str(info.field_name)
        default = cls.model_fields[field].get_default(call_default_factory=True)
        if apis and value and value != default:
            raise ValueError(
                f"describes a single API, and `apis` describes several: move it to "
                f"apis.NAME.{field.removeprefix('upstream_')}, or remove apis"
            )
        if apis == {} and not value and field in {"manifest", "upstream_url"}:
            raise PydanticKnownError("missing")
        return value

    @field_validator("resource")
    @classmethod
    def _require_path(cls, url: str) -> str:
        if not urlsplit(url).path:
            raise ValueError("must have a path, such as https://mcp.example.com/mcp")
        return url

    @field_validator("allowed_origins")
    @classmethod
    def _require_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            scheme, _, host = origin.partition("://")
            if not scheme or not host or set(host) & set("/?#@"):
                raise ValueError(f"{origin!r} is not an origin such as https://app.example.com")
            if "*" in origin and host.removesuffix(":*") not in _LOOPBACK_NAMES:
                raise ValueError(f"{origin!r}: `*` stands only for the port of a loopback host")
        return origins

    @field_validator("event_secrets")
    @classmethod
    def _require_secrets(
        cls, secrets: dict[str, tuple[SecretStr, ...]]
    ) -> dict[str, tuple[SecretStr, ...]]:
        for name, each in secrets.items():
            # An empty one would let anybody sign.
            if any(len(one.get_secret_value().removeprefix("whsec_")) < 16 for one in each):
                raise ValueError(f"{name}: a secret has at least 16 characters")
        return secrets

    @field_validator("challenge_scope")
    @classmethod
    def _require_scope(cls, scope: str) -> str:
        return format_scope(parse_scope(scope))

    @model_validator(mode="after")
    def _require_default_tier(self) -> Self:
        if self.default_tier not in self.tiers:
            raise ValueError(f"default_tier: {self.default_tier!r} is not in tiers")
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, object]) -> dict[str, object]:
        """Fill in fields that default to another field, before the model is frozen."""
        filled = dict(values)
        if not filled.get("authorization_server_url"):
            filled["authorization_server_url"] = filled.get("issuer", "")
        base = filled["authorization_server_url"]
        if not filled.get("jwks_url") and isinstance(base, str) and base:
            filled["jwks_url"] = f"{base}/jwks.json"
        if not filled.get("upstream_audience"):
            filled["upstream_audience"] = filled.get("upstream_url", "")
        if not filled.get("allowed_hosts") and isinstance(filled.get("resource"), str):
            filled["allowed_hosts"] = _own_hosts(str(filled["resource"]))
        return filled

    @property
    def spool(self) -> Path:
        """The file that stores call events until they are delivered."""
        return self.event_spool or self.signing_key.with_suffix(".events.db")

    @property
    def known_plans(self) -> Path:
        """The file that keeps the plans over a restart without the authorization server."""
        return self.signing_key.with_suffix(".plans.json")

    @property
    def connect_page(self) -> str:
        """The authorization server's page that connects apps."""
        return self.issuer.rstrip("/") + "/"

    @property
    def origin(self) -> str:
        """The resource's origin, as browsers serialise it."""
        return f"{urlsplit(self.resource).scheme}://{_host(self.resource)}"

    @property
    def served_apis(self) -> tuple[Api, ...]:
        """The APIs behind the gateway, in the order of the settings."""
        if self.apis:
            return tuple(
                Api.of(name, one, prefix=f"{name}_" if one.prefix is None else one.prefix)
                for name, one in self.apis.items()
            )
        assert self.manifest is not None  # noqa: S101 - required without `apis`
        only = ApiSettings(
            url=self.upstream_url,
            manifest=self.manifest,
            audience=self.upstream_audience,
            headers=self.upstream_headers,
            credentials=self.upstream_credentials,
            connections=self.upstream_connections,
            concurrency=self.upstream_concurrency,
        )
        return (Api.of("", only, prefix=""),)

    @property
    def path(self) -> str:
        """The resource's path, such as `/mcp`."""
        return urlsplit(self.resource).path

    @property
    def level(self) -> int:
        """The log level as the standard library numbers it."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]


def _own_hosts(url: str) -> tuple[str, ...]:
    """Return the URL's host, and for a loopback host the other loopback names with its port."""
    own = _host(url)
    for name in _LOOPBACK_NAMES:
        if own == name or own.startswith(f"{name}:"):
            return tuple(other + own.removeprefix(name) for other in _LOOPBACK_NAMES)
    return (own,)


def _host(url: str) -> str:
    """Read host and port as a `Host` header has them: lower case, without a default port."""
    parts = urlsplit(url)
    return parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
