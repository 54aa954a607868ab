"""Write the package: what the gateway serves, and what an operator gives to a directory."""

from collections.abc import Mapping
from pathlib import Path

import orjson

from gatepost.text.hidden import escape_text
from mcp_gateway.directories.approved import DIRECTORIES
from mcp_gateway.directories.published import CARD, CATALOG, CHALLENGE, PROOF
from mcp_gateway.publishing.checks.links import REGISTRY_LINKS, links
from mcp_gateway.publishing.checks.logos import read_logo
from mcp_gateway.publishing.checks.namespace import server_name
from mcp_gateway.publishing.checks.texts import REGISTRY, texts
from mcp_gateway.publishing.documents import (
    write_card,
    write_catalog,
    write_openai,
    write_server_json,
    write_tools,
)
from mcp_gateway.publishing.finding import Submission
from mcp_gateway.publishing.pictures import PictureError, read_picture
from mcp_gateway.publishing.replace_file import replace_file
from mcp_gateway.publishing.submission_texts import packaged_name, write_submission

_FORMAT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class PackageError(Exception):
    """The package can't be written; the message says why."""


def write_package(submission: Submission, folder: Path, proof: str) -> list[Path]:
    """Write every file of the package, and return their paths.

    Args:
        submission: what is published.
        folder: where to write; it is created.
        proof: the public record that proves the domain.

    Raises:
        PackageError: the documents would be invalid, a picture can't be used, or a file can't be written.
    """
    rules = (texts(REGISTRY), server_name, links(keys=REGISTRY_LINKS))
    invalid = [finding for rule in rules for finding in rule(submission)]
    if invalid:
        raise PackageError("\n".join(one.describe() for one in invalid))
    listing = submission.listing
    files: dict[str, bytes] = {
        CARD: _json(write_card(submission)),
        CATALOG: _json(write_catalog(submission)),
        PROOF: f"{proof}\n".encode(),
        "server.json": _json(write_server_json(submission)),
        "tools.json": _json(write_tools(submission)),
        "chatgpt-app-submission.json": _json(write_openai(submission)),
    }
    if listing.openai_challenge:
        files[CHALLENGE] = f"{listing.openai_challenge}\n".encode()
    for directory in (*DIRECTORIES, "registry"):
        text = write_submission(submission, directory, proof)
        files[f"submission-{directory}.md"] = escape_text(text).encode()
    files |= _pictures(submission)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            replace_file(folder / name, content)
        # An earlier package may have had it.
        if CHALLENGE not in files:
            (folder / CHALLENGE).unlink(missing_ok=True)
    except OSError as error:
        raise PackageError(f"{error.filename or folder}: {error.strerror}") from None
    return sorted(folder / name for name in files)


def _pictures(submission: Submission) -> Mapping[str, bytes]:
    found = {}
    listing, beside = submission.listing, submission.file.parent
    key = ""
    try:
        for key, logo in (("logo", listing.logo), ("logo_dark", listing.logo_dark)):
            if logo is not None:
                found[packaged_name(key, logo)] = read_logo(beside, logo).data
        for number, file in enumerate(listing.screenshots, 1):
            key = f"screenshots[{number - 1}]"
            picture = read_picture(beside, file)
            if picture.size is None:
                raise PictureError(f"{file} is not a PNG")
            found[f"screenshot-{number}.png"] = picture.data
    except PictureError as error:
        raise PackageError(f"{submission.at(key)}: {error}") from None
    return found


def _json(document: object) -> bytes:
    written = orjson.dumps(document, default=dict, option=_FORMAT)
    return escape_text(written.decode()).encode()
