"""Read archives of calls."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson

from gatepost.metering.call_event import CallEvent, MalformedEvent, read_event


class UnreadableArchive(Exception):
    """A file is not an archive of calls; the message names the file and the line."""


def read_archive(file: Path) -> Iterator[CallEvent]:
    """Read the call events of a file, compressed or not.

    Raises:
        UnreadableArchive: it is not an archive.
    """
    number = 0
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            for line in opened:
                number += 1
                yield read_event(orjson.loads(line))
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableArchive(f"{file} can't be read: {type(error).__name__}") from None
    except (orjson.JSONDecodeError, MalformedEvent) as error:
        raise UnreadableArchive(f"{file}, line {number}: {error}") from None
