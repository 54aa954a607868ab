"""Settings of the authorization server: section `[auth_server]`, environment `GATEPOST_AUTH_…`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from gatepost.catalogue import CATALOGUE_PATH
from gatepost.settings import ServiceSettings, require_secure_url

PublicUrl = Annotated[str, Field(max_length=512), AfterValidator(require_secure_url)]


class ResourceSettings(BaseModel):
    """One resource (a gateway) that this server issues tokens for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: PublicUrl = Field(description="The gateway's public URL; the `aud` of its tokens.")
    catalogue_url: str | None = Field(
        default=None,
        description="Where to read its catalogue; by default /internal/catalogue of its origin.",
    )
    scopes: tuple[str, ...] = Field(
        default=("mcp:admin", "mcp:read", "mcp:write"),
        description="The scopes a client may ask for on this resource.",
    )
    default_scopes: tuple[str, ...] = Field(
        default=("mcp:read", "mcp:write"),
        description="What a request without `scope` asks for.",
    )

    @property
    def where_catalogue_is(self) -> str:
        """The URL that the catalogue is read from."""
        if self.catalogue_url:
            return self.catalogue_url
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}{CATALOGUE_PATH}"


class AuthServerSettings(ServiceSettings):
    """What an operator decides about the authorization server."""

    model_config = SettingsConfigDict(env_prefix="GATEPOST_AUTH_", env_nested_delimiter="__")
    section: ClassVar[str] = "auth_server"

    issuer: PublicUrl = Field(
        description="The public URL of this server, byte-identical in documents and tokens."
    )
    secret_key: SecretStr = Field(
        description="32 or more random characters; signing keys, cookies and refresh tokens hang "
        "on it. `gatepost init` makes one."
    )
    database_url: str = Field(
        default="sqlite+aiosqlite:///gatepost.db",
        description="sqlite+aiosqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
    )
    resources: tuple[ResourceSettings, ...] = Field(
        min_length=1, description="The gateways to issue tokens for; the first is the default."
    )
    access_token_lifetime: timedelta = Field(default=timedelta(minutes=10))
    code_lifetime: timedelta = Field(default=timedelta(seconds=60))
    transaction_lifetime: timedelta = Field(default=timedelta(minutes=15))
    refresh_idle_lifetime: timedelta = Field(default=timedelta(days=30))
    refresh_absolute_lifetime: timedelta = Field(default=timedelta(days=180))
    refresh_grace: timedelta = Field(
        default=timedelta(seconds=120),
        le=timedelta(seconds=600),
        description="How long a used refresh token still answers with the same successor.",
    )
    session_idle_lifetime: timedelta = Field(default=timedelta(hours=12))
    session_absolute_lifetime: timedelta = Field(default=timedelta(days=14))
    private_use_schemes: tuple[str, ...] = Field(
        default=("claude", "cursor", "vscode", "vscode-insiders", "windsurf"),
        description="Custom redirect schemes without a dot that clients may register.",
    )

    @classmethod
    def load(cls, config: Path | None = None) -> Self:
        """Read the settings; a relative SQLite file starts at the folder of the TOML file."""
        settings = super().load(config)
        scheme, _, file = settings.database_url.partition(":///")
        if config is None or scheme != "sqlite+aiosqlite" or Path(file).is_absolute():
            return settings
        file = str(config.absolute().parent / file)
        return settings.model_copy(update={"database_url": f"{scheme}:///{file}"})

    @model_validator(mode="after")
    def refuse_weak_secrets(self) -> Self:
        """Refuse a secret that is short or still the example's."""
        secret = self.secret_key.get_secret_value()
        if len(secret) < 32 or secret.lower().startswith(("change", "replace", "secret")):
            raise ValueError("secret_key must be 32 or more random characters")
        return self

    @model_validator(mode="after")
    def refuse_repeated_resources(self) -> Self:
        """Refuse two entries for one resource."""
        names = [entry.resource for entry in self.resources]
        if len(names) != len(set(names)):
            raise ValueError("resources names one resource twice")
        return self

    @property
    def secure(self) -> bool:
        """Whether the public URL is https, so that cookies can be Secure and `__Host-`."""
        return self.issuer.startswith("https://")

    def find_resource(self, resource: str) -> ResourceSettings | None:
        """Look a resource up by its exact string."""
        return next((entry for entry in self.resources if entry.resource == resource), None)
