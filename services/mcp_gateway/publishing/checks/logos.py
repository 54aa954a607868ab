"""A square picture that a directory can show."""

import struct
from collections.abc import Iterator
from pathlib import Path

from mcp_gateway.publishing.finding import Check, Finding, Submission
from mcp_gateway.publishing.listing import Logo

LARGEST = 1 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_SMALLEST = 128


def logos() -> Check:
    """Report a logo that is missing, not square, too small, too large, or not a plain picture."""

    def check(submission: Submission) -> Iterator[Finding]:
        listing = submission.listing
        for key, logo in (("logo", listing.logo), ("logo_dark", listing.logo_dark)):
            missing = "missing" if key == "logo" else None
            problem = missing if logo is None else logo_problem(submission.file.parent, logo)
            if problem:
                yield Finding(
                    rule="logos",
                    place=submission.at(key),
                    message=problem,
                    fix=f"name a square SVG, or a square PNG of {_SMALLEST} pixels or more",
                )

    return check


def logo_problem(folder: Path, logo: Logo) -> str | None:
    """Return what is wrong with a logo; None if it can be used."""
    file = folder / logo.file
    try:
        if file.stat().st_size > LARGEST:
            return f"{logo.file} is larger than {LARGEST >> 20} MiB"
        data = file.read_bytes()
    except OSError as error:
        return f"{logo.file} can't be read: {error.strerror}"
    if (size := read_png_size(data)) is not None:
        width, height = size
        if width != height:
            return f"{logo.file} is {width} by {height} pixels, not square"
        return f"{logo.file} has only {width} pixels" if width < _SMALLEST else None
    text = data[:LARGEST].decode(errors="replace").lower()
    if "<svg" not in text:
        return f"{logo.file} is neither a PNG nor an SVG"
    active = [word for word in ("<script", "javascript:", "<foreignobject") if word in text]
    return f"{logo.file} contains {active[0]}" if active else None


def read_png_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG; None for other data."""
    if not data.startswith(_PNG) or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height
