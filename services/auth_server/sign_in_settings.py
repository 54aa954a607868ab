"""Settings of the ways to sign in: entries of `auth_server.sign_in`."""

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

TEMPLATE = re.compile(r"\{([^{}]+)\}")


def _require_provider(url: str) -> str:
    # Some issuers end with a slash, and it counts: what tokens say is compared byte by byte.
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
    """Where the claims of a provider say what is needed here. A path goes into objects by dots."""

    person_id: Path = Field(
        default="sub",
        description="The person's id, as your API knows them: the `sub` of their tokens.",
    )
    name: Path = Field(default="name", description="What the person is called.")
    email: Path = Field(
        default="email", description="Their e-mail address; read where it is verified alone."
    )
    email_verified: Path = Field(
        default="email_verified", description="Whether the address is verified; must be true."
    )
    tenant: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="A tenant's id: whoever signs in here is a member of that one.",
    )
    tenants: Path | None = Field(
        default=None,
        description="The person's tenants: ids, or objects in which the next paths are looked for "
        "first. With neither this nor `tenant`, memberships are managed here.",
    )
    tenant_id: Path = Field(default="id", description="A tenant's id, in its object.")
    tenant_name: Path = Field(default="name", description="A tenant's name, in its object.")
    allowed_tenants: tuple[str, ...] = Field(
        default=(), description="The tenants this provider may speak of; any where empty."
    )
    role: Path | None = Field(default=None, description="The person's role or roles.")
    roles: dict[str, str] = Field(
        default_factory=dict,
        description="What a role of theirs is here, such as `owner: admin`. Another is `member`.",
    )
    data_scope: tuple[Template, ...] = Field(
        default=(),
        description="The data they may see: `kind:value`, or `kind:{path}` for each value there. "
        "Where a path leads to nothing, they are no member.",
    )

    @model_validator(mode="after")
    def refuse_both(self) -> Self:
        """Refuse a tenant for everybody beside tenants that are asserted."""
        if self.tenant is not None and self.tenants is not None:
            raise ValueError("tenant is for everybody: it does not go with tenants")
        return self


class LocalSignIn(_Entry):
    """Accounts that are kept here, with a password or a passkey."""

    kind: Literal["local"]


class _External(_Entry):
    name: Name = Field(description="Its place in URLs; the provider is told the URL.")
    title: str = Field(min_length=1, max_length=60, description="What its button is called.")
    claims: ClaimMapping = Field(
        default=ClaimMapping(), description="Where its claims say what is needed here."
    )
    adopts_people: bool = Field(
        default=False,
        description="Whether somebody known here already is the person to whom it gives the same "
        "id. Otherwise it can't sign in who was here before.",
    )


class OidcSignIn(_External):
    """A provider that speaks OpenID Connect."""

    kind: Literal["oidc"]
    issuer: ProviderUrl = Field(description="The provider's issuer, exactly as it writes itself.")
    client_id: str = Field(min_length=1, max_length=255, description="Our id there.")
    client_secret: SecretStr | None = Field(
        default=None, description="Our secret there; PKCE is used with and without one."
    )
    scopes: tuple[str, ...] = Field(
        default=("openid", "profile", "email"), description="What we ask the provider for."
    )

    private_network: bool = Field(
        default=False,
        description="Whether the provider, and whatever it names, may be at an address that is not "
        "public. Over https all the same.",
    )

    @field_validator("scopes")
    @classmethod
    def require_openid(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse scopes that would bring no ID token."""
        if "openid" not in scopes:
            raise ValueError("must hold openid")
        return scopes


class HandOffSignIn(_External):
    """A login page of yours, which signs who has signed in."""

    kind: Literal["hand_off"]
    issuer: ProviderUrl = Field(description="Who signs: the `iss` of its assertions.")
    login_url: ProviderUrl = Field(description="Your login page, to which people are sent.")
    jwks: dict[str, Any] = Field(description="The public keys its assertions are signed with.")

    @field_validator("jwks")
    @classmethod
    def refuse_other_key_sets(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Refuse keys that could not verify anything."""
        parse_jwk_set(document)
        return document


SignIn = Annotated[LocalSignIn | OidcSignIn | HandOffSignIn, Field(discriminator="kind")]
ExternalSignIn = OidcSignIn | HandOffSignIn
