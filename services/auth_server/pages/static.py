"""Static files under names that hold their content's hash, so that browsers keep them for good."""

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
_HASHED = re.compile(r"(?P<stem>[\w.-]+)-(?P<hash>[0-9a-f]{12})(?P<suffix>\.\w+)")
_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # What an SVG file would be able to do if it were opened by itself: nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file in memory."""

    content: bytes
    media_type: str
    hash: str


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """Every static file by its plain name."""

    files: Mapping[str, StaticFile]

    def name(self, plain: str) -> str:
        """Write the name that a page refers to, as `gatepost-0a1b2c3d4e5f.css`."""
        path = Path(plain)
        return f"{path.stem}-{self.files[plain].hash}{path.suffix}"

    def answer(self, name: str) -> Response | None:
        """Serve a file by its hashed name; None where there is no such file.

        Another hash is that of a page from another version, during an update: it gets the file of
        this version, to be asked for again.
        """
        match = _HASHED.fullmatch(name)
        file = self.files.get(match["stem"] + match["suffix"]) if match else None
        if match is None or file is None:
            return None
        current = match["hash"] == file.hash
        caching = "public, max-age=31536000, immutable" if current else "no-cache"
        headers = {**_HEADERS, "Cache-Control": caching}
        return Response(file.content, media_type=file.media_type, headers=headers)


def read_static_file(path: Path) -> StaticFile:
    """Read a file into memory."""
    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StaticFile(content, media_type, hashlib.sha256(content).hexdigest()[:12])


def load_static_files() -> StaticFiles:
    """Read the package's static files."""
    return StaticFiles({path.name: read_static_file(path) for path in STATIC.iterdir()})
