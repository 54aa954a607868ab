"""Orbit's settings: read once from `ORBIT_…` environment variables and flags, then passed along."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting can't be used; the message names its variable and what to set."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Orbit's database, public URL and trusted gateway."""

    database: Path = Path("orbit.sqlite")
    """The SQLite file, created and seeded if it does not exist."""
    public_url: str = "http://127.0.0.1:8402"
    """The base URL that callers use: an assertion's `aud`, and the start of its `htu`."""
    gatepost_issuer: str = "http://127.0.0.1:8401/mcp"
    """The only `iss` accepted in an assertion: the gateway's resource string."""
    gatepost_jwks_url: str = "http://127.0.0.1:8401/.well-known/jwks.json"
    """The URL of the public keys for the gateway's assertions."""
    gatepost_url: str = ""
    """The authorization server, whose component the settings page contains; without it, there is no page."""
    gatepost_admin_token: str = field(default="", repr=False)
    """The admin token, with the scope `components:write`, that gets tokens for the component."""
    webhook_url: str = ""
    """Where changed tasks are told of; without it, none are."""
    webhook_secret: str = field(default="", repr=False)
    """The secret that signs these messages, such as `whsec_…`."""
    slow_report_seconds: float = 3.0
    """The default duration of the delivery report."""

    def __post_init__(self) -> None:
        """Refuse settings that can't work.

        Raises:
            SettingsError: naming the variable.
        """
        optional = ("gatepost_url", "webhook_url")
        for name in ("public_url", "gatepost_issuer", "gatepost_jwks_url", *optional):
            if name in optional and not getattr(self, name):
                continue
            url = urlsplit(getattr(self, name))
            if url.scheme not in ("http", "https") or not url.hostname:
                raise SettingsError(f"ORBIT_{name.upper()}: give an http or https URL with a host")
        for name in ("public_url", "gatepost_url"):
            if getattr(self, name).endswith("/"):
                raise SettingsError(f"ORBIT_{name.upper()}: remove the trailing slash")
        if self.gatepost_url and not self.gatepost_admin_token:
            raise SettingsError(
                "ORBIT_GATEPOST_ADMIN_TOKEN: give the admin token for ORBIT_GATEPOST_URL"
            )
        if self.webhook_url and not _is_secret(self.webhook_secret):
            raise SettingsError(
                "ORBIT_WEBHOOK_SECRET: give the secret for ORBIT_WEBHOOK_URL, as whsec_ and base64"
            )
        if not 0 <= self.slow_report_seconds <= 30:
            raise SettingsError("ORBIT_SLOW_REPORT_SECONDS: give 0 to 30 seconds")


def _is_secret(secret: str) -> bool:
    try:
        return bool(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        return False


def read_settings(environ: Mapping[str, str], **flags: object) -> Settings:
    """Read the settings from `ORBIT_<FIELD>` variables; a flag that is not None wins.

    Raises:
        SettingsError: naming the variable and the fix.
    """
    values: dict[str, Any] = {
        name: environ[f"ORBIT_{name.upper()}"]
        for name in Settings.__dataclass_fields__
        if environ.get(f"ORBIT_{name.upper()}")
    }
    values |= {name: value for name, value in flags.items() if value is not None}
    if "database" in values:
        values["database"] = Path(values["database"])
    if "slow_report_seconds" in values:
        try:
            values["slow_report_seconds"] = float(values["slow_report_seconds"])
        except ValueError:
            raise SettingsError("ORBIT_SLOW_REPORT_SECONDS: give a number of seconds") from None
    return Settings(**values)
