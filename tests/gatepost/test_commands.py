"""The lists of commands, which are shown without importing the commands."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from auth_server.cli import auth_server, clients, keys
from gatepost_cli import outline
from gatepost_cli.entry import run
from gatepost_cli.main import main
from gatepost_cli.terminal import echo
from mcp_gateway.cli import eval_, import_, tools

HEAVY = {"fastapi", "jsonschema_rs", "mcp", "pydantic", "sqlalchemy", "uvicorn"}
_SHOW = """
import sys
from gatepost_cli.main import main
main(sys.argv[1:], standalone_mode=False)
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.parametrize(
    "words", [(), ("auth-server",), ("keys",), ("eval",), ("mcp-gateway",), ("import",), ("tools",)]
)
def test_a_list_of_commands_imports_none_of_them(words: tuple[str, ...]) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", _SHOW, *words, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "Commands:" in shown
    assert not HEAVY & set(shown.splitlines()[-1].split())


_RUN = """
import sys
from gatepost_cli.entry import run
run()
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.parametrize(
    "words", [(), ("auth-server",), ("auth-server", "people", "set"), ("connect",), ("tools",)]
)
def test_help_is_what_the_command_says_and_is_shown_without_importing_anything(
    words: tuple[str, ...],
) -> None:
    run = [sys.executable, "-c", _RUN, *words, "--help"]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    text, modules = shown[:-1].rsplit("\n", 1)
    assert not {"click", "importlib_metadata", *HEAVY} & set(modules.split())

    command: click.Command = main
    context = click.Context(main, info_name="gatepost", terminal_width=78)
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=word)
    assert text == command.get_help(context)


def test_the_stored_help_is_that_of_every_command() -> None:
    stored = Path(outline.__file__).with_name("help.json").read_text(encoding="utf-8")
    assert json.loads(stored) == json.loads(outline.write_outline()), "run ./dev fmt"


def test_help_is_made_anew_for_a_changed_command_and_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert outline.find_help(["connect", "--help"])
    assert outline.find_help(["connect", "x", "--help"]) is None
    assert outline.find_help(["--help", "connect"]) is None
    monkeypatch.setenv("COLUMNS", "60")
    assert outline.find_help(["connect", "--help"]) is None
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(outline, "_digest", lambda module: "another")
    assert outline.find_help(["connect", "--help"]) is None


@pytest.mark.parametrize(
    "group", [main, auth_server, clients, keys, eval_, import_, tools], ids=lambda g: g.name
)
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


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("connect foo", "URL"),
        ("connect mcp.example.com/mcp", "URL"),
        ("call list_tasks --at foo", "--at"),
        ("listen orbit://tasks/1 --at foo", "--at"),
        ("install claude foo", "URL"),
        ("doctor foo", "ISSUER"),
        ("doctor https://auth.example.com --resource http://", "--resource"),
        ("smoke foo", "URL"),
        ("auth-server webhooks add foo", "URL"),
        ("auth-server clients add ci --name CI --jwks-uri foo", "--jwks-uri"),
        ("auth-server clients add-workload ci --issuer x --jwks-uri foo", "--jwks-uri"),
        ("tools dry-run list_tasks --upstream-url foo", "--upstream-url"),
    ],
)
def test_what_is_no_url_is_a_wrong_argument_which_is_named(words: str, named: str) -> None:
    ended = CliRunner().invoke(main, words.split())
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"'{named}': '" in ended.stderr
    assert "is not an http or https URL, such as https://mcp.example.com/mcp" in ended.stderr


@pytest.mark.parametrize(
    "words", ["connect", "call list_tasks --at", "listen --at", "install cursor", "smoke"]
)
def test_no_token_goes_to_a_gateway_that_others_could_read_on_the_way(words: str) -> None:
    ended = CliRunner().invoke(main, [*words.split(), "http://mcp.example.com/mcp"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "'http://mcp.example.com/mcp' is not encrypted" in ended.stderr


@pytest.mark.parametrize(("typed", "offered"), [("cal", "call"), ("keys ro", "rotate")])
def test_a_shell_completes_commands(typed: str, offered: str) -> None:
    words = f"gatepost {typed}"
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'gatepost'; from gatepost_cli.entry import run; run()",
        ],
        env={**os.environ, **asked, "_GATEPOST_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"plain,{offered}\n"


def test_a_terminal_that_is_not_in_utf_8_shows_every_text(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown, "iso-8859-1", write_through=True))
    monkeypatch.setattr("sys.argv", ["gatepost", "tools", "list"])
    monkeypatch.setattr("gatepost_cli.main.main", lambda: echo("Größe: 大"))
    run()
    assert shown.getvalue() == "Größe: \\u5927\n".encode("iso-8859-1")


@pytest.mark.parametrize("words", [("init", "in/a"), ("tools", "diff", "--write")])
def test_a_file_that_can_not_be_written_is_named_in_one_line(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = "version: 1\nname: Orbit\ntools: {}\n"
    (tmp_path / "tools.yaml").write_text(manifest)
    (tmp_path / "in").touch()
    (tmp_path / "tools.lock.json").symlink_to("in/b")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["gatepost", *words])
    with pytest.raises(SystemExit) as ended:
        run()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith("Error: ")
    assert said.endswith(": Not a directory\n")
