"""The one way to a terminal: commands print texts of documents, people, apps and other servers."""

import click

from gatepost.text.hidden import escape_text


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text, and show the characters in it that would be invisible or control the terminal."""
    click.echo(escape_text(text), err=err, nl=nl)
