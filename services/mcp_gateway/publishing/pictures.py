"""Read the pictures of the package, and refuse files that are none."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

LARGEST = 8 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_START = re.compile(
    r"\ufeff?(?:\s|<\?xml[^>]*\?>|<!--.*?-->|<!doctype svg[^>\[]*>)*<svg[\s>/]", re.DOTALL
)
_ACTIVE = re.compile(
    r"<script|<foreignobject|<iframe|<embed|<object|<!entity|javascript:|@import|\son[a-z]+\s*=|"
    r"(?:href|src)\s*=\s*[\"']?\s*(?:https?:|//)|url\(\s*[\"']?\s*(?:https?:|//)"
)


class PictureError(Exception):
    """The file can't be used as a picture; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, or an SVG without a size."""

    data: bytes
    size: tuple[int, int] | None
    """Width and height in pixels; None for an SVG."""


def read_picture(folder: Path, name: Path, *, most: int = LARGEST) -> Picture:
    """Read a PNG or a plain SVG in a folder, whose ending says which it is.

    Raises:
        PictureError: it can't be read, is larger than `most` bytes, or is not such a picture. An SVG must
            have no scripts, handlers, entities and addresses of other files to load.
    """
    file = folder / name
    try:
        if file.exists() and not file.is_file():
            raise PictureError(f"{name} is not a file")
        with file.open("rb") as opened:
            data = opened.read(most + 1)
    except OSError as error:
        raise PictureError(f"{name} can't be read: {error.strerror}") from None
    if len(data) > most:
        raise PictureError(f"{name} is larger than {most >> 20} MiB")
    if data.startswith(_PNG) and len(data) >= 24:
        _require_ending(name, ".png")
        return Picture(data, struct.unpack(">II", data[16:24]))
    try:
        text = data.decode().lower()
    except UnicodeDecodeError:
        text = ""
    if not _START.match(text):
        raise PictureError(f"{name} is neither a PNG nor an SVG")
    if found := _ACTIVE.search(text):
        raise PictureError(f"{name} contains {found[0].strip()}")
    _require_ending(name, ".svg")
    return Picture(data, None)


def _require_ending(name: Path, ending: str) -> None:
    if name.suffix.lower() != ending:
        raise PictureError(f"{name} must end with {ending}, which it is")
