"""Writes `gatepost.yaml` as an operator would: secrets in files beside it."""

import secrets
from pathlib import Path
from typing import Any

import yaml


def issuing(issuer: str, *resources: str, **changes: Any) -> dict[str, Any]:
    """Write the section of an authorization server for these gateways; the secret is a file."""
    return {
        "issuer": issuer,
        "secret_key": {"file": "secret_key"},
        "database_url": "sqlite+aiosqlite:///gatepost.db",
        "resources": [{"resource": resource} for resource in resources],
        **changes,
    }


def serving(issuer: str, resource: str, upstream_url: str, **changes: Any) -> dict[str, Any]:
    """Write the section of a gateway."""
    return {
        "issuer": issuer,
        "resource": resource,
        "upstream_url": upstream_url,
        "manifest": "tools.yaml",
        "signing_key": "gateway.pem",
        **changes,
    }


def write_config(
    folder: Path, *, name: str = "gatepost.yaml", secret: str = "", **sections: dict[str, Any]
) -> Path:
    """Write the file, and `secret_key` beside it, with a fresh secret where none is given.

    Paths and other objects among the values are written as their text.
    """
    if "auth_server" in sections:
        (folder / "secret_key").write_text(secret or secrets.token_urlsafe(48))
    path = folder / name
    path.write_text(yaml.safe_dump(_plain(sections), sort_keys=False))
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
