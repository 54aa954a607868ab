"""The help of every command as it is shown, so that `--help` imports no command.

`python -m gatepost_cli.outline` writes `help.json` from the commands; `./dev fmt` runs it. A text counts
as long as the source of its command has not changed since.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

_FILE = Path(__file__).with_name("help.json")
_COLUMNS = 80
"""Click writes for terminals of this width if they have it."""


def find_help(words: Sequence[str]) -> str | None:
    """Return the text for words such as `auth-server people --help`; None if Click has to make it."""
    if not words or words[-1] != "--help" or shutil.get_terminal_size().columns < _COLUMNS:
        return None
    try:
        texts = json.loads(_FILE.read_bytes())
        module, digest, text = texts[" ".join(words[:-1])]
    except (OSError, ValueError, KeyError):
        return None
    return str(text) if _digest(module) == digest else None


def write_outline() -> str:
    """Write the text of every command, one a line."""
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(_entries())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entries() -> Iterator[tuple[str, tuple[str, str, str]]]:
    from importlib.metadata import entry_points  # slow to import, as are the others

    import click

    from gatepost_cli.main import main

    def below(
        command: click.Command, context: click.Context, words: tuple[str, ...], place: str
    ) -> Iterator[tuple[str, tuple[str, str, str]]]:
        module = place if command.callback is None else command.callback.__module__
        yield " ".join(words), (module, _digest(module), command.get_help(context) + "\n")
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found is not None:
                    inner = click.Context(found, parent=context, info_name=name)
                    yield from below(found, inner, (*words, name), places.get(name, module))

    places = {name: place.partition(":")[0] for name, (place, _) in main.places.items()}
    places |= {one.name: one.module for one in entry_points(group="gatepost.commands")}
    context = click.Context(main, info_name="gatepost", terminal_width=_COLUMNS - 2)
    yield from below(main, context, (), "")


def _digest(module: str) -> str:
    """Hash the source of a module, which is not imported."""
    place = Path(*module.split(".")).with_suffix(".py")
    for folder in sys.path:
        try:
            return sha256((Path(folder) / place).read_bytes()).hexdigest()[:16]
        except OSError:
            continue
    return ""


if __name__ == "__main__":
    _FILE.write_text(write_outline(), encoding="utf-8")
