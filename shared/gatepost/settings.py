"""The base of each service's settings: one section of `gatepost.toml`, overridden by environment.

Precedence, strongest first: environment (`GATEPOST_AUTH_…`, `GATEPOST_MCP_…`), files in the
directory that `GATEPOST_SECRETS_DIR` names (one per field, called as its environment variable, as
container platforms mount them), the section of the TOML file named by `--config` or `GATEPOST_CONFIG`.
"""

import os
from pathlib import Path
from typing import Any, ClassVar, Self, cast
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """The configuration can't be used; the message names each field and what to set."""


class ServiceSettings(BaseSettings):
    """Typed, frozen, read once at start; see the module's docstring for where values come from."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")
    section: ClassVar[str]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the sources in the order the module's docstring gives."""
        return (env_settings, file_secret_settings, init_settings)

    @staticmethod
    def config_file(given: Path | None) -> Path | None:
        """Tell which TOML file is read: the given one, else the one `GATEPOST_CONFIG` names."""
        named = os.environ.get("GATEPOST_CONFIG")
        return given if given is not None or not named else Path(named)

    @classmethod
    def load(cls, config: Path | None = None) -> Self:
        """Read this service's settings; a relative path in the file starts at the file's folder.

        Args:
            config: the TOML file; `GATEPOST_CONFIG` where not given; none at all is fine too.

        Raises:
            SettingsError: the file is missing or a field is missing, unknown or wrong.
        """
        config = cls.config_file(config)
        values: dict[str, Any] = {}
        if config is not None:
            if not config.is_file():
                raise SettingsError(f"{config}: no such file; `gatepost init` writes one")
            try:
                document = TomlConfigSettingsSource(cls, config).toml_data
            except ValueError as error:
                raise SettingsError(f"{config}: not a TOML file: {error}") from None
            values = dict(cast("dict[str, Any]", document.get(cls.section, {})))
            for name, field in cls.model_fields.items():
                if field.annotation is Path and isinstance(values.get(name), str):
                    values[name] = config.absolute().parent / values[name]
        secrets_dir = os.environ.get("GATEPOST_SECRETS_DIR")
        try:
            return cls(_secrets_dir=secrets_dir, **values)
        except ValidationError as error:
            prefix = str(cls.model_config.get("env_prefix") or "").upper()
            lines = [
                f"  {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            ]
            where = f"section [{cls.section}] of {config or 'gatepost.toml'} or {prefix}…"
            raise SettingsError("\n".join([f"settings ({where}):", *lines])) from None


def require_secure_url(url: str) -> str:
    """Refuse a public URL that is neither https nor http on a loopback host.

    Raises:
        ValueError: naming what is wrong (a query, a fragment, a trailing slash, the scheme).
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https (http is allowed on 127.0.0.1, localhost and [::1] only)")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an https URL")
    if parts.query or parts.fragment or "@" in parts.netloc or "?" in url or "#" in url:
        raise ValueError("must have no query, fragment or user name")
    default_port = {"http": ":80", "https": ":443"}[parts.scheme]
    if parts.netloc != parts.netloc.lower() or parts.netloc.endswith(default_port):
        # Browsers write an origin that way, and what they write is compared.
        raise ValueError("must have a lower-case host, and no port where it is the usual one")
    if url.endswith("/"):
        raise ValueError("must not end with a slash: it is compared byte by byte")
    return url
