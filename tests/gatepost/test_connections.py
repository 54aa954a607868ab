"""`gatepost call` and `gatepost install`, as far as they need no gateway."""

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click import UsageError
from click.testing import CliRunner
from mcp.shared.auth import OAuthToken

from gatepost_cli.client.call import call, read_arguments
from gatepost_cli.client.connect import connect
from gatepost_cli.client.install import APPS, install
from gatepost_cli.client.token_file import TokenFile, folder, last_used

SCHEMA = {
    "properties": {
        "title": {"type": "string"},
        "count": {"type": "integer"},
        "due": {"type": ["string", "null"]},
        "labels": {"type": "array"},
        "any": {},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "owner": {"oneOf": [{"type": "string"}, {"type": "null"}]},
    }
}
URL = "https://mcp.example.com/mcp"


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("title=12", {"title": "12"}),
        ("title=a=b", {"title": "a=b"}),
        ("title=", {"title": ""}),
        ("due=null", {"due": "null"}),
        ("due:=null", {"due": None}),
        ("count=12", {"count": 12}),
        ('labels=["a"]', {"labels": ["a"]}),
        ("any=x", {"any": "x"}),
        ("limit=12", {"limit": 12}),
        ("owner=12", {"owner": "12"}),
        ("unknown=x", {"unknown": "x"}),
        ("unknown:=[1]", {"unknown": [1]}),
    ],
)
def test_a_value_is_a_text_where_the_tool_takes_one_and_else_json(
    word: str, read: dict[str, Any]
) -> None:
    assert read_arguments((word,), SCHEMA) == read


@pytest.mark.parametrize(
    "word",
    [
        *("title", "=x", ":=1", "count=many", "title:=x", "labels=a"),
        *("count=NaN", "labels=" + "[" * 100_000, "title=\udcff"),
    ],
)
def test_a_word_that_can_not_be_read_is_named(word: str) -> None:
    with pytest.raises(UsageError, match=r"is not (KEY=VALUE|JSON|text)"):
        read_arguments((word,), SCHEMA)


def test_a_call_before_any_connection_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ended = CliRunner().invoke(call, ["list_tasks"])
    assert (ended.exit_code, ended.output) == (1, "Error: connect first: gatepost connect URL\n")


async def test_a_call_goes_to_the_gateway_used_last_even_if_its_tokens_were_not_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for age, host in ((20, "one"), (10, "two")):
        url = f"https://{host}.example.com/mcp"
        await TokenFile(url).set_tokens(OAuthToken(access_token="a"))
        kept = next(path for path in folder().iterdir() if url in path.read_text())
        os.utime(kept, (time.time() - age,) * 2)
    assert last_used() == "https://two.example.com/mcp"
    TokenFile("https://one.example.com/mcp").mark_used()
    assert last_used() == "https://one.example.com/mcp"


async def test_a_state_folder_that_can_not_be_written_is_told_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store = TokenFile(URL)
    for token in ("a", "b"):
        await store.set_tokens(OAuthToken(access_token=token))
    tokens = await store.get_tokens()
    assert tokens is not None and tokens.access_token == "b"
    said = capsys.readouterr().err
    assert said.count("can't be stored") == 1
    assert "Not a directory" in said


def test_output_that_nobody_reads_ends_a_call_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(*_: object, **__: object) -> None:
        raise ExceptionGroup("tasks", [BrokenPipeError(errno.EPIPE, "Broken pipe")])

    monkeypatch.setattr("gatepost_cli.client.connect._act", act)
    ended = CliRunner().invoke(call, ["list_tasks", "--at", URL])
    assert (ended.exit_code, ended.output) == (1, "")
    assert isinstance(ended.exception, SystemExit)


@pytest.mark.parametrize("arguments", ["[", "[]", "[" * 100_000])
def test_arguments_that_are_not_an_object_are_wrong_options(arguments: str) -> None:
    assert CliRunner().invoke(connect, [URL, "--arguments", arguments]).exit_code == 2


@pytest.mark.parametrize("app", APPS)
def test_an_app_is_told_with_its_own_command(
    app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / app
    program.write_text(
        f'#!{sys.executable}\nimport sys\nopen("{tmp_path}/said", "w").write(repr(sys.argv[1:]))\n'
        "sys.exit(7)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    ended = CliRunner().invoke(install, [app, URL])
    assert ended.exit_code == 7
    said = (tmp_path / "said").read_text()
    assert URL in said or app == "cursor"
    assert "mcp-example-com" in said

    shown = CliRunner().invoke(install, [app, URL, "--print", "--name", "orbit"])
    assert (shown.exit_code, shown.output.startswith(f"{app} ")) == (0, True)
    assert "orbit" in shown.output


def test_an_app_that_is_not_here_gets_the_command_to_run_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = CliRunner().invoke(install, ["claude", URL])
    assert ended.exit_code == 1
    command = "claude mcp add --scope user --transport http mcp-example-com"
    assert f"{command} {URL}" in ended.output
    globex = CliRunner().invoke(install, ["claude", f"{URL}/o/org_globex", "--print"])
    assert f"{command}-org-globex {URL}/o/org_globex" in globex.output
    for wrong in (["claude", "mcp.example.com"], ["claude", URL, "--name", "a b"], ["word", URL]):
        assert CliRunner().invoke(install, wrong).exit_code == 2
