"""A square picture that a directory can show."""

from collections.abc import Iterator
from pathlib import Path

from mcp_gateway.publishing.finding import Check, Finding, Submission
from mcp_gateway.publishing.listing import Logo
from mcp_gateway.publishing.pictures import Picture, PictureError, read_picture

_LARGEST = 1 << 20
_SMALLEST = 128


def logos() -> Check:
    """Report a logo that is missing, not square, too small, too large, or not a plain picture."""

    def check(submission: Submission) -> Iterator[Finding]:
        listing = submission.listing
        for key, logo in (("logo", listing.logo), ("logo_dark", listing.logo_dark)):
            problem = "missing" if key == "logo" and logo is None else None
            if logo is not None:
                try:
                    read_logo(submission.file.parent, logo)
                except PictureError as error:
                    problem = str(error)
            if problem:
                yield Finding(
                    rule="logos",
                    place=submission.at(key),
                    message=problem,
                    fix=f"name a square SVG, or a square PNG of {_SMALLEST} pixels or more",
                )

    return check


def read_logo(folder: Path, logo: Logo) -> Picture:
    """Read a logo that a directory can show.

    Raises:
        PictureError: it can't be used; the message says why.
    """
    picture = read_picture(folder, logo.file, most=_LARGEST)
    if picture.size is not None:
        width, height = picture.size
        if width != height:
            raise PictureError(f"{logo.file} is {width} by {height} pixels, not square")
        if width < _SMALLEST:
            raise PictureError(f"{logo.file} has only {width} pixels")
    return picture
