"""Settings of the credentials that the gateway presents upstream: `upstream_credentials`."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
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

from gatepost.linked_tokens import ProviderName

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110 §5.6.2
_PLACE = re.compile(rf"bearer|basic|(?:header|cookie) {_TOKEN}|query [^\s&=#]+")
_FRAMING = re.compile(
    r"header (?:connection|content-length|host|transfer-encoding|gatepost-assertion)",
    re.IGNORECASE,
)
TENANT = "{tenant_id}"


def _require_place(place: str) -> str:
    if place and (not _PLACE.fullmatch(place) or _FRAMING.fullmatch(place)):
        raise ValueError("write bearer, basic, header NAME, query NAME or cookie NAME")
    return place


def _require_host(host: str) -> str:
    if not re.fullmatch(r"[a-z0-9.\-\[\]:]+", host):
        raise ValueError("write host or host:port, in lower case")
    return host


def _require_http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an http or https URL without a user name")
    return url


class CredentialSettings(BaseModel):
    """The settings that all modes have."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    place: Annotated[str, AfterValidator(_require_place)] = ""
    """The part of the request that carries the credential: `bearer`, `basic`, `header NAME`,
    `query NAME` or `cookie NAME`; by default as the security scheme says."""
    hosts: tuple[Annotated[str, AfterValidator(_require_host)], ...] = ()
    """Hosts that also receive it, besides the upstream's own, as `host` or `host:port`."""


class StaticCredential(CredentialSettings):
    """One secret for all."""

    mode: Literal["static"]
    """`static`."""
    value: SecretStr
    """The secret; for `basic`, `user:password`."""


class PerTenantCredential(CredentialSettings):
    """A secret for each tenant."""

    mode: Literal["per_tenant"]
    """`per_tenant`."""
    file: Path | None = None
    """The file of encrypted secrets, which `gatepost mcp-gateway credentials set` writes."""
    key: SecretStr | None = None
    """32 or more random characters; the file's encryption key is derived from them."""
    variable: str = ""
    """Instead of a file: the pattern of environment variables, such as `ORBIT_KEY_{tenant_id}`."""

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.file is None) == (not self.variable) or (self.file is None) != (self.key is None):
            raise ValueError("set either file and key, or variable")
        if self.key is not None and len(self.key.get_secret_value()) < 32:
            raise ValueError("key must be 32 or more random characters")
        return self

    @field_validator("variable")
    @classmethod
    def _require_tenant(cls, variable: str) -> str:
        if variable and not re.fullmatch(r"[A-Za-z_]\w*\{tenant_id\}", variable, re.ASCII):
            raise ValueError(f"must be a name that ends in {TENANT}, such as ORBIT_KEY_{TENANT}")
        return variable


class _TokenEndpoint(CredentialSettings):
    token_url: Annotated[str, AfterValidator(_require_http)]
    """The token endpoint. Use plain http to another host only on a private network."""
    scope: str = ""
    """The scopes to request, separated by spaces."""
    audience: str = ""
    """The `audience` parameter (RFC 8693), if the token endpoint requires one."""
    resource: str = ""
    """The `resource` parameter (RFC 8707), if the token endpoint requires one."""
    authentication: Literal["basic", "post"] = "basic"
    """How the gateway authenticates at the token endpoint: `basic` or `post`."""


class ClientCredentials(_TokenEndpoint):
    """One token for all, by client credentials (RFC 6749 §4.4)."""

    mode: Literal["client_credentials"]
    """`client_credentials`."""
    client_id: str
    """The gateway's client id at the token endpoint."""
    client_secret: SecretStr
    """The gateway's client secret at the token endpoint."""


class TokenExchange(_TokenEndpoint):
    """A token for each person, exchanged for the gateway's signed assertion (RFC 8693)."""

    mode: Literal["token_exchange"]
    """`token_exchange`."""
    client_id: str = ""
    """The gateway's client id at the token endpoint, if it has one."""
    client_secret: SecretStr | None = None
    """The gateway's client secret at the token endpoint."""


class LinkedAccount(CredentialSettings):
    """The token of the account that the calling person linked at the API's authorization server."""

    mode: Literal["linked_account"]
    """`linked_account`."""
    provider: ProviderName
    """The name of the link provider in the authorization server's settings."""


AnyCredential = Annotated[
    StaticCredential | PerTenantCredential | ClientCredentials | TokenExchange | LinkedAccount,
    Field(discriminator="mode"),
]
