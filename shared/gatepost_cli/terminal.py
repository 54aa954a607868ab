"""The one way to a terminal: commands print texts of documents, people, apps and other servers."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import click

from gatepost.text.hidden import escape_text

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
"""Every command that lists something has it."""


class Row(Protocol):
    """A row of a list; Pydantic's models are."""

    def model_dump_json(self) -> str:
        """Write it as a JSON object."""
        ...


R = TypeVar("R", bound=Row)
Tell = Callable[[str], None]
"""Tells how far long work is; an empty text tells that it is done."""


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text, and show the characters in it that would be invisible or control the terminal."""
    click.echo(escape_text(text), err=err, nl=nl)


def print_rows(
    rows: Sequence[R], describe: Callable[[R], str], *, as_json: bool, none: str
) -> None:
    """Print the rows of a list.

    Args:
        rows: the rows.
        describe: writes one for a person.
        as_json: print a JSON object a line instead.
        none: what to say if there are no rows; never on standard output with `as_json`.
    """
    for row in rows:
        echo(row.model_dump_json() if as_json else describe(row))
    if not rows:
        echo(none, err=as_json)


@contextmanager
def progress() -> Iterator[Tell]:
    """Tell how far long work is, on one line of standard error; silent if that is not a terminal.

    The line disappears at the end.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    width = shutil.get_terminal_size().columns - 1

    def tell(text: str) -> None:
        line = " ".join(escape_text(text).split())[:width]
        click.echo(f"\r\x1b[2K{line}", err=True, nl=False)

    try:
        yield tell
    finally:
        tell("")
