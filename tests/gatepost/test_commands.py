"""The lists of commands, which are shown without importing the commands."""

import subprocess
import sys

import click
import pytest

from auth_server.cli import auth_server, keys
from gatepost_cli.main import main
from mcp_gateway.cli import import_, tools

HEAVY = {"fastapi", "jsonschema_rs", "mcp", "pydantic", "sqlalchemy", "uvicorn"}
_SHOW = """
import sys
from gatepost_cli.main import main
main(sys.argv[1:], standalone_mode=False)
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.parametrize(
    "words", [(), ("auth-server",), ("keys",), ("mcp-gateway",), ("import",), ("tools",)]
)
def test_a_list_of_commands_imports_none_of_them(words: tuple[str, ...]) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", _SHOW, *words, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "Commands:" in shown
    assert not HEAVY & set(shown.splitlines()[-1].split())


@pytest.mark.parametrize("group", [main, auth_server, keys, import_, tools], ids=lambda g: g.name)
def test_the_list_says_of_each_command_what_the_command_says(group: click.Group) -> None:
    assert isinstance(group, click.Group)
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert group.describe(context, name) == command.get_short_help_str(300)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("auth-server", "serve"), "auth-server"),
        (("import", "openapi", "api.json"), "mcp-gateway"),
    ],
)
def test_a_command_of_a_part_that_is_not_installed_says_what_to_install(
    words: tuple[str, ...], extra: str
) -> None:
    """The image of one service has the code of both, and the packages of one."""
    missing = ("uvicorn", "orjson")
    program = f"import sys; sys.modules.update(dict.fromkeys({missing}))\n{_SHOW}"
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert f"install gatepost[{extra}]" in done.stderr
