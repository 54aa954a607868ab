"""The tokens of `gatepost connect`, in one file for each gateway that only its owner can read."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata, OAuthToken
from pydantic import ValidationError

from gatepost_cli.terminal import echo


def folder() -> Path:
    """Return the folder of the files, below the user's state (XDG base directories)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(state) / "gatepost" / "connections"


def last_used() -> str | None:
    """Return the address of the gateway that was used last; None without one."""
    files = sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return next((str(found["url"]) for path in files if (found := _read(path))), None)


class TokenFile:
    """Stores the client and the tokens for one gateway, as the MCP SDK's `TokenStorage`."""

    def __init__(self, url: str) -> None:
        """Read the file for this address, if there is one."""
        self._path = folder() / f"{sha256(url.encode()).hexdigest()[:32]}.json"
        self._kept = _read(self._path) or {"url": url}
        self._is_told = False
        """Whether a person knows that nothing is stored."""
        self.find_metadata: Callable[[], OAuthMetadata | None] = lambda: None
        """Returns what the authorization server says of itself, to be stored beside its tokens."""

    @property
    def expires_at(self) -> float | None:
        """When the access token ends, in Unix seconds."""
        ends = self._kept.get("expires_at")
        return float(ends) if isinstance(ends, int | float) else None

    @property
    def metadata(self) -> OAuthMetadata | None:
        """The authorization server's metadata, which names the endpoint for refreshes."""
        found = self._kept.get("metadata")
        return None if found is None else OAuthMetadata.model_validate(found)

    def mark_used(self) -> None:
        """Make this the gateway that was used last, also if nothing is written."""
        with suppress(FileNotFoundError):
            os.utime(self._path)

    def forget(self) -> None:
        """Delete everything for this gateway."""
        self._path.unlink(missing_ok=True)
        self._kept = {"url": self._kept["url"]}

    async def get_tokens(self) -> OAuthToken | None:
        """Return the tokens."""
        found = self._kept.get("tokens")
        return None if found is None else OAuthToken.model_validate(found)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Store the tokens."""
        metadata = self.find_metadata()
        if metadata is not None:
            self._kept["metadata"] = metadata.model_dump(mode="json", exclude_none=True)
        self._kept["tokens"] = tokens.model_dump(mode="json", exclude_none=True)
        self._kept["expires_at"] = time.time() + (tokens.expires_in or 3600)
        self._write()

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return the client."""
        found = self._kept.get("client")
        return None if found is None else OAuthClientInformationFull.model_validate(found)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Store the client."""
        self._kept["client"] = client_info.model_dump(mode="json", exclude_none=True)
        self._write()

    def _write(self) -> None:
        try:
            self._replace()
        except OSError as error:
            if self._is_told:
                return
            self._is_told = True
            echo(
                f"The tokens can't be stored in {self._path.parent} ({error.strerror}), so the next "
                "command asks again. $XDG_STATE_HOME names another folder.",
                err=True,
            )

    def _replace(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._path.with_suffix(f".{os.getpid()}.new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self._kept, file)
        # In one step, because another command may read it now.
        new.replace(self._path)


def _read(path: Path) -> dict[str, Any] | None:
    """Read a file; one that others could have read or written, or that is damaged, does not count."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.getuid() or about.st_mode & 0o077:
                echo(f"{path} is not private, so its tokens are not used.", err=True)
                return None
            found = json.load(file)
        if not isinstance(found, dict) or not isinstance(found.get("url"), str):
            return None
        for name, model in (
            ("tokens", OAuthToken),
            ("client", OAuthClientInformationFull),
            ("metadata", OAuthMetadata),
        ):
            if name in found:
                model.model_validate(found[name])
        return found
    except (OSError, ValueError, ValidationError):
        return None
