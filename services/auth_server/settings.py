"""Settings of the authorization server: section `auth_server`, environment `GATEPOST_AUTH_…`."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from auth_server.billing_settings import StripeSettings
from auth_server.branding import Branding
from auth_server.export_settings import StripeExport, UsageExportSettings
from auth_server.jwks import parse_jwk_set
from auth_server.mail.settings import MailSettings
from auth_server.sign_in_settings import (
    ExternalSignIn,
    LinkProviderSettings,
    LocalSignIn,
    OidcSignIn,
    SignIn,
)
from gatepost.catalogue import CATALOGUE_PATH
from gatepost.network.organisation_address import organisation_prefix, tenant_of_address
from gatepost.references import UrlWithSecret
from gatepost.settings import RedisUrl, ServiceSettings, require_secure_url

PublicUrl = Annotated[str, Field(max_length=512), AfterValidator(require_secure_url)]


def _read_seconds(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


# A number of seconds, or ISO 8601 such as PT10M; environment variables are text.
Duration = Annotated[
    timedelta,
    BeforeValidator(_read_seconds),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "duration"}, {"type": "integer"}]}),
]


LONGEST_TOKEN = timedelta(hours=24)


class ResourceSettings(BaseModel):
    """One resource (a gateway) that this server issues tokens for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: PublicUrl = Field(description="The gateway's public URL; the `aud` of its tokens.")
    catalogue_url: str | None = Field(
        default=None,
        description="The URL of its catalogue; by default /internal/catalogue of its origin.",
    )
    scopes: tuple[str, ...] = Field(
        default=("mcp:admin", "mcp:read", "mcp:write"),
        description="The scopes a client may ask for on this resource.",
    )
    default_scopes: tuple[str, ...] = Field(
        default=("mcp:read", "mcp:write"),
        description="The scopes of a request without `scope`.",
    )
    gateway_jwks: dict[str, Any] | None = Field(
        default=None,
        description="The gateway's public keys, if this server should not fetch them.",
    )
    gateway_jwks_url: str | None = Field(
        default=None,
        description="The URL of the keys with which the gateway authenticates; by default "
        "/.well-known/jwks.json of its origin.",
    )

    links: tuple[str, ...] = Field(
        default=(),
        description="The names of the link providers at which people link their accounts before an app "
        "gets access.",
    )

    @field_validator("gateway_jwks")
    @classmethod
    def refuse_other_key_sets(cls, document: dict[str, Any] | None) -> dict[str, Any] | None:
        """Refuse keys that could not verify anything."""
        if document is not None:
            parse_jwk_set(document)
        return document

    @property
    def where_gateway_keys_are(self) -> str:
        """The URL of the gateway's keys."""
        if self.gateway_jwks_url:
            return self.gateway_jwks_url
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}/.well-known/jwks.json"

    @property
    def where_catalogue_is(self) -> str:
        """The URL of the gateway's catalogue."""
        if self.catalogue_url:
            return self.catalogue_url
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}{CATALOGUE_PATH}"


@dataclass(frozen=True, slots=True)
class ResourceAddress:
    """A resource that clients name: that of a gateway, or the address of one organisation there."""

    entry: ResourceSettings
    tenant_id: str | None = None
    """The id in an organisation's address, of a tenant that may not exist; None for the gateway's own."""

    @property
    def resource(self) -> str:
        """The exact string, as in tokens."""
        if self.tenant_id is None:
            return self.entry.resource
        return organisation_prefix(self.entry.resource) + self.tenant_id


class AuthServerSettings(ServiceSettings):
    """The operator's settings for the authorization server."""

    model_config = SettingsConfigDict(env_prefix="GATEPOST_AUTH_", env_nested_delimiter="__")
    section: ClassVar[str] = "auth_server"

    issuer: PublicUrl = Field(
        description="The public URL of this server, byte-identical in documents and tokens."
    )
    secret_key: SecretStr = Field(
        description="32 or more random characters that protect stored signing keys, forms and "
        "refresh tokens. `gatepost init` creates one."
    )
    previous_secret_keys: tuple[SecretStr, ...] = Field(
        default=(),
        description="Former values of secret_key, the latest first. The service can still decrypt "
        "data encrypted with them, and encrypts it again with secret_key. Remove one after a day.",
    )
    database_url: Annotated[str, UrlWithSecret()] = Field(
        repr=False,
        default="sqlite+aiosqlite:///gatepost.db",
        description="sqlite+aiosqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
    )
    redis_url: RedisUrl = Field(
        default=None,
        description="The Redis in which to announce revocations and from which to read call events: "
        "redis://[:PASSWORD@]HOST:PORT/NUMBER, redis+cluster://… or redis+sentinel://…, or rediss.",
    )
    resources: tuple[ResourceSettings, ...] = Field(
        min_length=1, description="The gateways to issue tokens for; the first is the default."
    )
    access_token_lifetime: Duration = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        le=LONGEST_TOKEN,
        description="How long an access token is valid.",
    )
    client_token_lifetimes: dict[
        str, Annotated[Duration, Field(gt=timedelta(0), le=LONGEST_TOKEN)]
    ] = Field(
        default_factory=dict,
        description="Lifetimes of the access tokens of single clients, by client id or, for clients "
        "known by a document, by its host, such as `claude.ai: PT8H`.",
    )
    code_lifetime: Duration = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        le=timedelta(minutes=10),
        description="How long a client may take to redeem an authorization code.",
    )
    transaction_lifetime: Duration = Field(
        default=timedelta(minutes=15),
        gt=timedelta(0),
        description="How long a person may take to answer an authorization request.",
    )
    refresh_idle_lifetime: Duration = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="A refresh token expires if it is not used for this long.",
    )
    refresh_absolute_lifetime: Duration = Field(
        default=timedelta(days=180),
        gt=timedelta(0),
        description="Refresh tokens expire this long after consent, however often they are used.",
    )
    refresh_grace: Duration = Field(
        default=timedelta(seconds=120),
        le=timedelta(seconds=600),
        description="How long after its first use a refresh token still returns the same successor.",
    )
    signing_key_lifetime: Duration = Field(
        default=timedelta(days=60),
        ge=timedelta(hours=1),
        description="How long the server signs with one key before it switches to the next.",
    )
    factor_recovery_delay: Duration | None = Field(
        default=timedelta(hours=24),
        ge=timedelta(hours=1),
        description="How long a recovery of lost second factors by mail waits. Null turns it off.",
    )
    session_idle_lifetime: Duration = Field(
        default=timedelta(hours=12),
        gt=timedelta(0),
        description="How long an unused sign-in lasts.",
    )
    session_absolute_lifetime: Duration = Field(
        default=timedelta(days=14),
        gt=timedelta(0),
        description="The longest time that a sign-in lasts.",
    )
    call_log_retention: Duration = Field(
        default=timedelta(days=90),
        ge=timedelta(days=1),
        description="How long the call log keeps a call; PostgreSQL drops whole months, up to a month "
        "later.",
    )
    call_log_archive: Path | None = Field(
        default=None,
        description="A folder in which the server writes calls to compressed files of JSON lines before "
        "it deletes them from the call log.",
    )
    audit_retention: Duration | None = Field(
        default=None,
        ge=timedelta(days=1),
        description="How long the audit log keeps an entry; without it, forever.",
    )
    audit_head_file: Path | None = Field(
        default=None,
        description="A file to which the server appends the audit log's newest number and hash each "
        "minute; keep it where nobody who can write to the database can write.",
    )
    private_use_schemes: tuple[str, ...] = Field(
        default=("claude", "cursor", "vscode", "vscode-insiders", "windsurf"),
        description="Custom redirect schemes without a dot that clients may register.",
    )
    registration: Literal["open", "off"] = Field(
        default="open",
        description="Whether clients may register themselves (RFC 7591).",
    )
    registrations_per_minute: int = Field(
        default=5, ge=1, description="How many clients one address may register in a minute."
    )
    registrations_per_day: int = Field(
        default=50, ge=1, description="How many clients one address may register in a day."
    )
    registrations_overall_per_minute: int = Field(
        default=120, ge=1, description="How many clients all addresses may register in a minute."
    )
    wrong_guesses_per_minute: int = Field(
        default=120,
        ge=1,
        description="How many wrong secrets, authorization codes and tokens one client may send from "
        "one address in a minute, in each process; all clients of an address ten times as many.",
    )
    authorizations_per_minute: int = Field(
        default=120,
        ge=1,
        description="How many authorization requests one address may start in a minute, in each "
        "process.",
    )
    sign_in: tuple[SignIn, ...] = Field(
        default=(LocalSignIn(kind="local"),),
        min_length=1,
        description="The sign-in methods, in the order in which the page shows them: accounts of "
        "this server (`local`), OpenID Connect (`oidc`), a signed hand-off (`hand_off`).",
    )
    link_providers: tuple[LinkProviderSettings, ...] = Field(
        default=(),
        description="The authorization servers of APIs at which people link their own accounts.",
    )
    operator_sign_in_level: Literal[1, 2] = Field(
        default=2,
        description="The factors that operators must sign in with to open the console: 2 requires "
        "two-step verification or a passkey.",
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        description="How many of your proxies forward requests to this server; each adds one entry "
        "to X-Forwarded-For.",
    )
    dpop_nonces: bool = Field(
        default=False,
        description="Whether a DPoP proof must contain a nonce of this server, which costs a client one "
        "more request every few minutes.",
    )
    client_certificate_header: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9-]*$",
        description="The header in which your proxy passes on the client certificate that it has verified. "
        "Clients that register for it get tokens bound to their certificate (RFC 8705). The proxy must "
        "remove the header from other requests. Requires trusted_proxies.",
    )
    stripe: StripeSettings | None = Field(
        default=None,
        description="The Stripe account that tenants pay into; without it, nothing can be bought.",
    )
    usage_export: UsageExportSettings | None = Field(
        default=None,
        description="The system that counts the units of tenants for invoices: `stripe`, `metronome`, "
        "`aws_marketplace` or `cloud_events`; without it, usage stays in the ledger.",
    )
    mail: MailSettings | None = Field(
        default=None,
        description="The SMTP server that sends mails to people; without it, a server on loopback "
        "prints them, and any other server sends none.",
    )
    trace_url: str = Field(
        default="",
        description="The URL at which operators see a trace, with `{trace_id}` in it: the console links "
        "to it from each call that was traced.",
    )
    component_origins: tuple[str, ...] = Field(
        default=(),
        description="The origins of your own pages that contain the component `<gatepost-connections>`, "
        "such as https://app.example.com; scripts of no other origin may call /manage/v1.",
    )
    webhook_private_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts to which the operator's own webhooks may be sent although their addresses "
        "are private, also over http. Endpoints of tenants must be public.",
    )
    branding: Branding = Field(default=Branding(), description="How the pages present the product.")
    translations: Path | None = Field(
        default=None,
        description="A folder with page texts, one YAML file for each language.",
    )
    client_documents_on_loopback: bool = Field(
        default=False,
        description="For development: also read client metadata documents from https://localhost.",
    )

    @classmethod
    def load(cls, config: Path | None = None) -> Self:
        """Read the settings; a relative SQLite path is relative to the file's folder."""
        settings = super().load(config)
        config = cls.config_file(config)
        scheme, _, file = settings.database_url.partition(":///")
        if config is None or scheme != "sqlite+aiosqlite" or Path(file).is_absolute():
            return settings
        file = str(config.absolute().parent / file)
        return settings.model_copy(update={"database_url": f"{scheme}:///{file}"})

    @field_validator("trace_url")
    @classmethod
    def require_template(cls, url: str) -> str:
        """Refuse a URL that can't be that of a trace."""
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or "{trace_id}" not in url):
            raise ValueError("must be an http or https URL that contains {trace_id}")
        return url

    def trace_page(self, trace_id: str) -> str:
        """The URL of a trace; empty without one, or if operators see traces nowhere."""
        return self.trace_url.replace("{trace_id}", trace_id) if trace_id else ""

    @field_validator("component_origins")
    @classmethod
    def require_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse a value that is not an origin as browsers send it."""
        for origin in origins:
            parts = urlsplit(require_secure_url(origin))
            if origin != f"{parts.scheme}://{parts.netloc}".lower():
                raise ValueError(
                    f"{origin} must be a scheme and a host, such as https://app.example.com"
                )
        return origins

    @model_validator(mode="after")
    def refuse_weak_secrets(self) -> Self:
        """Refuse a secret that is too short or a placeholder."""
        secret = self.secret_key.get_secret_value()
        if len(secret) < 32 or secret.lower().startswith(("change", "replace", "secret")):
            raise ValueError("secret_key must be 32 or more random characters")
        return self

    @property
    def admits_credit(self) -> bool:
        """Whether tenants may have prepaid credit.

        Stripe bills only the usage of subscribers. Another system gets all usage, and would bill units
        that credit has paid for.
        """
        return self.usage_export is None or isinstance(self.usage_export, StripeExport)

    @model_validator(mode="after")
    def refuse_export_without_account(self) -> Self:
        """Refuse to export to a Stripe account that is not named."""
        if isinstance(self.usage_export, StripeExport) and self.stripe is None:
            raise ValueError("usage_export.kind: stripe requires the section stripe")
        return self

    @model_validator(mode="after")
    def refuse_certificates_from_anybody(self) -> Self:
        """Refuse to read certificates in a header that clients themselves would send."""
        if self.client_certificate_header and not self.trusted_proxies:
            raise ValueError("client_certificate_header requires trusted_proxies: 1 or more")
        return self

    @model_validator(mode="after")
    def refuse_development_in_public(self) -> Self:
        """Refuse a development setting if the issuer is not on loopback."""
        if self.client_documents_on_loopback and self.secure:
            raise ValueError("client_documents_on_loopback requires an http issuer on loopback")
        return self

    @model_validator(mode="after")
    def refuse_repeated_ways_to_sign_in(self) -> Self:
        """Refuse two sign-in methods with one name, which is part of the redirect URI."""
        names = [getattr(entry, "name", entry.kind) for entry in self.sign_in]
        if len(names) != len(set(names)):
            raise ValueError("sign_in contains two entries with the same name")
        return self

    @model_validator(mode="after")
    def refuse_unknown_link_providers(self) -> Self:
        """Refuse two link providers with one name, and a resource that names one that does not exist."""
        names = [entry.name for entry in self.link_providers]
        if len(names) != len(set(names)):
            raise ValueError("link_providers contains two entries with the same name")
        for entry in self.resources:
            if unknown := [name for name in entry.links if name not in names]:
                raise ValueError(f"resources.links: {unknown[0]!r} is not in link_providers")
        return self

    @model_validator(mode="after")
    def refuse_providers_without_tenants(self) -> Self:
        """Refuse a provider that could assert memberships in another provider's tenants."""
        providers = [entry for entry in self.sign_in if isinstance(entry, ExternalSignIn)]
        unlimited = [
            entry
            for entry in providers
            if entry.claims.is_unlimited and (entry.claims.tenants or entry.adopts_people)
        ]
        trusted = [entry.name for entry in unlimited if entry.claims.allowed_tenants]
        open_ = [entry.name for entry in unlimited if not entry.claims.allowed_tenants]
        if len(providers) > 1 and open_:
            raise ValueError(
                "sign_in names several providers, so set claims.allowed_tenants of "
                f"{' and '.join(open_)} to the tenants that each may assert"
            )
        if len(trusted) > 1:
            raise ValueError(
                f"sign_in trusts {' and '.join(trusted)} with every tenant; keep "
                'claims.allowed_tenants: ["*"] at one of them and list the tenants of the others'
            )
        return self

    @model_validator(mode="after")
    def refuse_repeated_resources(self) -> Self:
        """Refuse two entries for one resource, and one that is an organisation's address at another."""
        names = [entry.resource for entry in self.resources]
        if len(names) != len(set(names)):
            raise ValueError("resources contains two entries for the same resource")
        for name in names:
            if above := [other for other in names if tenant_of_address(other, name)]:
                raise ValueError(
                    f"resources contains {name}, which is the address of an organisation at {above[0]}"
                )
        return self

    @property
    def path(self) -> str:
        """The issuer's path, the prefix of every route; empty if it has none."""
        return urlsplit(self.issuer).path

    def plan_page(self, tenant_id: str = "") -> str:
        """The URL of the page where an admin can change a tenant's plan."""
        return f"{self.issuer}/account/plan?tenant={quote(tenant_id, safe='')}"

    @property
    def secure(self) -> bool:
        """Whether the public URL is https, so that cookies can be Secure and `__Host-`."""
        return self.issuer.startswith("https://")

    @property
    def can_send_mail(self) -> bool:
        """Whether mails reach people, or a developer's console."""
        return self.mail is not None or not self.secure

    @property
    def has_accounts(self) -> bool:
        """Whether people can sign in with accounts of this server."""
        return any(isinstance(entry, LocalSignIn) for entry in self.sign_in)

    @property
    def customers_providers(self) -> frozenset[str]:
        """The names of the providers that belong to customers."""
        ways = self.sign_in
        return frozenset(way.name for way in ways if isinstance(way, OidcSignIn) and way.customer)

    @property
    def providers_with_own_issuer(self) -> frozenset[str]:
        """The names of the providers that are the only one with their issuer (A149)."""
        ways = [way for way in self.sign_in if not isinstance(way, LocalSignIn)]
        issuers = [way.issuer for way in ways]
        return frozenset(way.name for way in ways if issuers.count(way.issuer) == 1)

    @property
    def longest_token_lifetime(self) -> timedelta:
        """How long any access token may live, and so revocations and signing keys must be kept."""
        return max((self.access_token_lifetime, *self.client_token_lifetimes.values()))

    def token_lifetime_of(self, client_id: str) -> timedelta:
        """Return how long the access tokens of a client live, before its tenant's limit."""
        host = urlsplit(client_id).netloc if client_id.startswith("https://") else ""
        lifetimes = self.client_token_lifetimes
        return lifetimes.get(client_id) or lifetimes.get(host) or self.access_token_lifetime

    @property
    def resource_names(self) -> tuple[str, ...]:
        """The gateways' resources, the default one first."""
        return tuple(entry.resource for entry in self.resources)

    def find_address(self, resource: str) -> ResourceAddress | None:
        """Look up the exact string of a resource, or of an organisation's address at one."""
        for entry in self.resources:
            tenant_id = tenant_of_address(entry.resource, resource)
            if tenant_id or entry.resource == resource:
                return ResourceAddress(entry, tenant_id)
        return None

    def find_resource(self, resource: str) -> ResourceSettings | None:
        """Look a resource up by its exact string."""
        return next((entry for entry in self.resources if entry.resource == resource), None)
