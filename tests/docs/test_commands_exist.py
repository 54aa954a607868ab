"""The commands in documents exist, with their options."""

import re
import shlex
import subprocess

import click
import pytest

from gatepost_cli.main import main
from support.markdown import ROOT, fences, markdown_files, read, spans

LANGUAGES = ("console", "sh", "")


def typed() -> list[str]:
    """Every command line of a fence: after a `$` in a console, and each line of a script."""
    lines: list[str] = []
    for path in markdown_files():
        text = path.read_text(encoding="utf-8")
        for language in LANGUAGES:
            for block in fences(text, language):
                joined = block.replace("\\\n", " ")
                for line in joined.splitlines():
                    if language == "console" and not line.startswith("$ "):
                        continue
                    lines.append(line.removeprefix("$ ").partition(" #")[0].strip())
    return lines


DEV = sorted({line for line in typed() if line.startswith("./dev ")})
GATEPOST = sorted(
    {
        line.removeprefix("./dev run ")
        for line in typed()
        if line.removeprefix("./dev run ").startswith("gatepost ")
    }
)


def test_documents_tell_the_two_commands_of_the_first_five_minutes() -> None:
    assert "./dev demo" in DEV
    assert all(f"`./dev {name}`" in read("README.md") for name in ("demo", "test"))
    assert "gatepost connect http://127.0.0.1:8401/mcp" in GATEPOST


def test_the_readme_lists_every_command() -> None:
    table = read("README.md").partition("| `gatepost` | purpose |")[2]
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", table, re.MULTILINE)
    told = {name.split()[0]: spans(what) for names, what in rows for name in spans(names)}
    context = click.Context(main)
    assert set(main.list_commands(context)) == told.keys()
    for name in ("auth-server", "billing", "usage", "keys", "tools"):
        group = main.get_command(context, name)
        assert isinstance(group, click.Group)
        # `revision` is for developers.
        assert set(group.list_commands(context)) - {"revision"} <= set(told[name])


@pytest.mark.parametrize("line", DEV)
def test_dev_knows_the_command(line: str) -> None:
    said = subprocess.run(["./dev", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    known = re.findall(r"^  ([a-z]+) ", said.stdout, re.MULTILINE)
    assert line.split()[1] in known


@pytest.mark.parametrize("line", GATEPOST)
def test_gatepost_knows_the_command_and_its_options(line: str) -> None:
    words = shlex.split(line.partition(" | ")[0])[1:]
    command: click.Command = main
    context = click.Context(command, info_name="gatepost")
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, f"{line}: no such command"
        command = found
        context = click.Context(command, info_name=command.name, parent=context)
    known = {option for parameter in command.params for option in parameter.opts}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert used <= known
