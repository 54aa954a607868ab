"""The documents that directories and clients read before they connect.

`gatepost publish --write` makes them, the operator reviews them, and the gateway serves their bytes.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from gatepost.settings import SettingsError

CARD = "server-card.json"
CATALOG = "ai-catalog.json"
CHALLENGE = "openai-apps-challenge"
PROOF = "mcp-registry-auth"
CARD_SUFFIX = "/server-card"
CARD_TYPE, CATALOG_TYPE = "application/mcp-server-card+json", "application/ai-catalog+json"
_LARGEST = 1 << 16
_VERSION = re.compile(r"[!-~]{1,255}")
_LARGEST_TOKEN = 4096
"""The official registry reads no more than this."""


@dataclass(frozen=True, slots=True)
class Served:
    """One document, as it is served."""

    body: bytes
    media_type: str
    etag: str


PublicDocuments = Mapping[str, Served]
"""Path at the gateway to its document."""


def read_published(folder: Path | None, *, resource: str, path: str) -> PublicDocuments:
    """Read the documents in a folder that `gatepost publish --write` made; absent ones are not served.

    Args:
        folder: the folder, or None to serve nothing.
        resource: the gateway's resource, which the server card must name.
        path: the resource's path.

    Raises:
        SettingsError: a document can't be read, is too large or malformed, or is another server's.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise SettingsError(
            f"published: {folder} is not a folder; make it with `gatepost publish --write`"
        )
    places = {
        CARD: (path + CARD_SUFFIX, CARD_TYPE),
        CATALOG: ("/.well-known/ai-catalog.json", CATALOG_TYPE),
        CHALLENGE: ("/.well-known/openai-apps-challenge", "text/plain"),
        PROOF: ("/.well-known/mcp-registry-auth", "text/plain"),
    }
    found = {}
    for name, (place, media_type) in places.items():
        body = _read(folder / name)
        if body is None:
            continue
        if media_type.endswith("json"):
            document = _parse(folder / name, body)
            if name == CARD:
                _require_own(folder / name, document, resource)
        else:
            _require_token(folder / name, body)
            body = body.strip()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        found[place] = Served(body, media_type, etag)
    return MappingProxyType(found)


def card_version(published: PublicDocuments, path: str) -> str | None:
    """Return the version in the server card; None if there is no card."""
    card = published.get(path + CARD_SUFFIX)
    return None if card is None else str(orjson.loads(card.body)["version"])


def _read(file: Path) -> bytes | None:
    try:
        with file.open("rb") as opened:
            body = opened.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"published: {file} can't be read: {error.strerror}") from None
    if len(body) > _LARGEST:
        raise SettingsError(f"published: {file} is larger than {_LARGEST} bytes")
    if b"PRIVATE KEY" in body:
        raise SettingsError(f"published: {file} contains a private key; never publish one")
    return body


def _parse(file: Path, body: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"published: {file} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise SettingsError(f"published: {file} must hold a JSON object")
    return document


def _require_own(file: Path, card: Mapping[str, Any], resource: str) -> None:
    remotes = card.get("remotes")
    first = remotes[0] if isinstance(remotes, list) and remotes else None
    url = first.get("url") if isinstance(first, dict) else None
    if url != resource:
        raise SettingsError(
            f"published: {file} describes the server at {url}, but this gateway's resource is "
            f"{resource}; write it again with `gatepost publish --write`"
        )
    version = card.get("version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise SettingsError(
            f"published: {file}: version must be one word of printable ASCII, which clients read in "
            "serverInfo; correct publish.yaml, and write it again with `gatepost publish --write`"
        )


def _require_token(file: Path, body: bytes) -> None:
    token = body.strip()
    if not token or len(token) > _LARGEST_TOKEN or not all(32 <= byte < 127 for byte in token):
        raise SettingsError(
            f"published: {file} must hold one line of printable ASCII, at most {_LARGEST_TOKEN} bytes"
        )
