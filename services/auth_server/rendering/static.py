"""Static files, named by their content's hash so that browsers can cache them permanently."""

import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from auth_server.branding import Branding

STATIC = Path(__file__).parent / "static"
_HASHED = re.compile(r"(?P<stem>[\w.-]+)-(?P<hash>[0-9a-f]{12})(?P<suffix>\.\w+)")
_FOR_OTHER_SITES = frozenset({"gatepost-connections.js"})
"""Files that pages of other sites load, also by their plain names, which stay."""
_LOGOS = ("logo.svg", "logo.png", "logo.webp")
_LARGEST_LOGO = 100 * 1024
_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # An SVG file opened as a document can't run or load anything.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


class UnusableFile(ValueError):
    """A file named in the settings can't be used; the message names it and the reason."""


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
        """Return the name that pages refer to, such as `gatepost-0a1b2c3d4e5f.css`."""
        path = Path(plain)
        return f"{path.stem}-{self.files[plain].hash}{path.suffix}"

    def answer(self, name: str) -> Response | None:
        """Serve a file by its hashed name; None if the file does not exist.

        Pages of other sites may also use the plain name of a file that is for them. During an update, a page of another version may ask with another hash. It gets this
        version's file, without permanent caching.
        """
        match = _HASHED.fullmatch(name)
        plain = match["stem"] + match["suffix"] if match else name
        file = self.files.get(plain)
        if file is None or (match is None and plain not in _FOR_OTHER_SITES):
            return None
        current = match is not None and match["hash"] == file.hash
        caching = "public, max-age=31536000, immutable" if current else "no-cache"
        headers = {
            **_HEADERS,
            "Cache-Control": "public, max-age=3600" if match is None else caching,
        }
        if plain in _FOR_OTHER_SITES:
            headers["Access-Control-Allow-Origin"] = "*"
        return Response(file.content, media_type=file.media_type, headers=headers)


def load_static_files(branding: Branding) -> StaticFiles:
    """Read the package's static files, and make the branding's `branding.css` and `logo.…`.

    Raises:
        UnusableFile: the logo is missing, too large, or not an image that browsers show.
    """
    files = {path.name: _make(path.name, path.read_bytes()) for path in STATIC.iterdir()}
    if branding.stylesheet:
        files["branding.css"] = _make("branding.css", branding.stylesheet.encode())
    if branding.logo is not None:
        name = f"logo{branding.logo.suffix.lower()}"
        if name not in _LOGOS:
            raise UnusableFile(f"branding.logo: {branding.logo} is none of {', '.join(_LOGOS)}")
        try:
            content = branding.logo.read_bytes()
        except OSError as error:
            raise UnusableFile(f"branding.logo: {branding.logo}: {error.strerror}") from None
        if len(content) > _LARGEST_LOGO:
            raise UnusableFile(f"branding.logo: {branding.logo} is larger than 100 KB")
        files[name] = _make(name, content)
    return StaticFiles(files)


def _make(name: str, content: bytes) -> StaticFile:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return StaticFile(content, media_type, hashlib.sha256(content).hexdigest()[:12])
