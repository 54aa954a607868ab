"""Settings of the sign-in methods, and of the APIs at which people link their accounts.

They are the entries of `auth_server.sign_in` and `auth_server.link_providers`.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from auth_server.jwks import parse_jwk_set
from gatepost.data_scope import parse_data_scope
from gatepost.settings import require_secure_url

ANY_TENANT = "*"
TEMPLATE = re.compile(r"\{([^{}]+)\}")


def _require_provider(url: str) -> str:
    # Some issuers end with a slash. It matters: `iss` is compared byte by byte.
    require_secure_url(url.removesuffix("/"))
    return url


def _require_template(template: str) -> str:
    kind, _, value = template.partition(":")
    if "{" in kind or len(TEMPLATE.findall(value)) > 1 or "{" in TEMPLATE.sub("", value):
        raise ValueError("must be kind:value or kind:{claim}")
    if not parse_data_scope(TEMPLATE.sub("x", template)).kinds:
        raise ValueError("must be kind:value or kind:{claim}")
    return template


ProviderUrl = Annotated[str, Field(max_length=512), AfterValidator(_require_provider)]
Path = Annotated[str, Field(min_length=1, max_length=256)]
Template = Annotated[str, Field(max_length=256), AfterValidator(_require_template)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimMapping(_Entry):
    """The mapping of a provider's claims; a path separates nested keys by dots."""

    person_id: Path = Field(
        default="sub",
        description="The person's id, as your API knows them: the `sub` of their tokens.",
    )
    name: Path = Field(default="name", description="The person's name.")
    email: Path = Field(
        default="email", description="Their e-mail address, for display; must be verified."
    )
    email_verified: Path = Field(
        default="email_verified", description="Whether the address is verified."
    )
    tenant: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="The id of one tenant; everybody who signs in becomes a member of it.",
    )
    tenants: Path | None = Field(
        default=None,
        description="The person's tenants: ids, or objects, in which the next paths are tried first. "
        "With neither this nor `tenant`, you manage memberships on this server.",
    )
    tenant_id: Path = Field(default="id", description="A tenant's id, in its object.")
    tenant_name: Path = Field(default="name", description="A tenant's name, in its object.")
    allowed_tenants: tuple[str, ...] = Field(
        default=(),
        description="The tenants that this provider may assert. If it is the only provider, empty "
        'means any tenant. Beside other providers, list them, or write `["*"]` for the one provider '
        "that you trust with every tenant.",
    )
    groups: Path = Field(
        default="groups",
        description="The person's groups, in identity assertions for apps that their organisation "
        "connects.",
    )
    role: Path | None = Field(default=None, description="The person's role or roles.")
    roles: dict[str, str] = Field(
        default_factory=dict,
        description="Maps their roles to roles of this server, such as `owner: admin`; other roles "
        "become `member`.",
    )
    data_scope: tuple[Template, ...] = Field(
        default=(),
        description="The data they may see: `kind:value`, or `kind:{path}` for each value there. "
        "If a path has no value, the person is not a member of the tenant.",
    )

    @model_validator(mode="after")
    def refuse_both(self) -> Self:
        """Refuse a fixed tenant together with asserted tenants."""
        if self.tenant is not None and self.tenants is not None:
            raise ValueError("set either tenant or tenants, not both")
        return self

    @property
    def is_unlimited(self) -> bool:
        """Whether the provider may assert any tenant."""
        listed = self.allowed_tenants
        return self.tenant is None and (not listed or ANY_TENANT in listed)

    def covers(self, tenant_id: str) -> bool:
        """Return whether the provider may say who is a member of a tenant."""
        if self.tenant is not None:
            return tenant_id == self.tenant
        return self.is_unlimited or tenant_id in self.allowed_tenants


class LocalSignIn(_Entry):
    """Accounts of this server, with a password or a passkey."""

    kind: Literal["local"]


class _External(_Entry):
    name: Name = Field(description="The method's name in URLs, including the redirect URI.")
    title: str = Field(min_length=1, max_length=60, description="The label of its button.")
    claims: ClaimMapping = Field(default=ClaimMapping(), description="The mapping of its claims.")
    adopts_people: bool = Field(
        default=False,
        description="Whether this provider may sign in an existing person who has the same id. "
        "Otherwise the server refuses the sign-in. A person who is also a member of a tenant that the "
        "provider may not assert is never signed in this way.",
    )


class OidcSignIn(_External):
    """A provider that speaks OpenID Connect."""

    kind: Literal["oidc"]
    issuer: ProviderUrl = Field(
        description="The provider's issuer, byte for byte as in its metadata."
    )
    client_id: str = Field(
        min_length=1,
        max_length=255,
        description="The client id that the provider gave this server.",
    )
    client_secret: SecretStr | None = Field(
        default=None, description="The client secret; the server always uses PKCE."
    )
    scopes: tuple[str, ...] = Field(
        default=("openid", "profile", "email"), description="The scopes to request."
    )
    customer: bool = Field(
        default=False,
        description="Whether the provider is that of one customer. It has no button, and signs nobody in "
        "until an operator assigns it to a tenant; then it signs in the owners of addresses in the "
        "tenant's verified domains, and changes no memberships.",
    )
    private_network: bool = Field(
        default=False,
        description="Whether the provider and the URLs in its metadata may have private addresses. "
        "They must still use https.",
    )

    @field_validator("scopes")
    @classmethod
    def require_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Require the scope that makes the provider return an ID token."""
        if "openid" not in scopes:
            raise ValueError("must include openid")
        return scopes

    @model_validator(mode="after")
    def refuse_what_customers_may_not_assert(self) -> Self:
        """Refuse a customer's provider that could choose people's ids or memberships."""
        allowed = {"name", "email", "email_verified", "groups"}
        if self.customer and self.adopts_people:
            raise ValueError("a provider with customer: true can't have adopts_people")
        if self.customer and (others := self.claims.model_fields_set - allowed):
            raise ValueError(
                f"a provider with customer: true can't map {', '.join(sorted(others))}; its people have "
                "random ids, and memberships by invitation"
            )
        return self


class HandOffSignIn(_External):
    """The operator's login page, which signs an assertion of who signed in."""

    kind: Literal["hand_off"]
    issuer: ProviderUrl = Field(description="The `iss` of its assertions.")
    login_url: ProviderUrl = Field(
        description="Your login page; the signed request is its parameter `request`."
    )
    jwks: dict[str, Any] = Field(description="The public keys of its assertions, as a JWK set.")

    @field_validator("jwks")
    @classmethod
    def refuse_other_key_sets(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Refuse keys that could not verify anything."""
        parse_jwk_set(document)
        return document


_OURS = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "request",
        "request_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
    }
)


class LinkProviderSettings(_Entry):
    """An API's authorization server, at which people link their accounts."""

    name: Name = Field(description="Its name in URLs, including the redirect URI, and in settings.")
    title: str = Field(
        min_length=1, max_length=60, description="The name by which people know the API."
    )
    issuer: ProviderUrl | None = Field(
        default=None,
        description="Its issuer; the endpoints are read from its metadata (RFC 8414, or OpenID Connect "
        "Discovery).",
    )
    authorization_endpoint: ProviderUrl | None = Field(
        default=None, description="Its authorization endpoint, if it has no metadata."
    )
    token_endpoint: ProviderUrl | None = Field(
        default=None, description="Its token endpoint, if it has no metadata."
    )
    revocation_endpoint: ProviderUrl | None = Field(
        default=None, description="Its revocation endpoint (RFC 7009), if it has no metadata."
    )
    client_id: str = Field(
        min_length=1, max_length=255, description="The client id that it gave this server."
    )
    client_secret: SecretStr | None = Field(
        default=None, description="The client secret; the server always uses PKCE."
    )
    authentication: Literal["basic", "post"] = Field(
        default="basic", description="How the secret is sent: `basic`, or `post` in the form."
    )
    scopes: tuple[str, ...] = Field(default=(), description="The scopes to request.")
    resource: str = Field(
        default="", description="The `resource` parameter (RFC 8707), if it requires one."
    )
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description="More parameters of its authorization requests, such as `prompt: consent`.",
    )
    private_network: bool = Field(
        default=False,
        description="Whether it may have private addresses. It must still use https.",
    )

    @field_validator("parameters")
    @classmethod
    def refuse_own_parameters(cls, parameters: dict[str, str]) -> dict[str, str]:
        """Refuse parameters that this server sets itself."""
        if ours := sorted(_OURS & parameters.keys()):
            raise ValueError(f"{', '.join(ours)}: this server sets it itself")
        return parameters

    @model_validator(mode="after")
    def require_endpoints(self) -> Self:
        """Require either an issuer or the endpoints."""
        named = (self.authorization_endpoint, self.token_endpoint)
        has_issuer = self.issuer is not None
        if has_issuer and any((*named, self.revocation_endpoint)):
            raise ValueError("set either issuer or the endpoints, not both")
        if not has_issuer and not all(named):
            raise ValueError("set issuer, or authorization_endpoint and token_endpoint")
        return self


SignIn = Annotated[LocalSignIn | OidcSignIn | HandOffSignIn, Field(discriminator="kind")]
ExternalSignIn = OidcSignIn | HandOffSignIn
