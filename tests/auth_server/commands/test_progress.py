"""Long work says on a terminal how far it is, and nothing anywhere else."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from gatepost.clock import utc_now
from gatepost.metering.call_event import write_event
from gatepost_cli.main import main
from support.in_process.auth_server import RESOURCE, SECRET_KEY
from support.in_process.call_events import call_event
from support.processes.configuration import issuing, write_config

Say = Callable[[bool, str], str]


@pytest.fixture
def say(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Say:
    """Runs a command, whose standard error is a terminal or not; returns what it says there."""
    write_config(
        tmp_path,
        secret=SECRET_KEY,
        auth_server=issuing("http://127.0.0.1:8400", RESOURCE, database_url=sqlite_url),
    )
    (tmp_path / "calls.ndjson").write_bytes(
        write_event(call_event(utc_now(), cost=1, meter="calls")) + b"\n"
    )
    (tmp_path / "api.yaml").write_text("openapi: 3.1.0\ninfo: {title: API}\npaths: {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEPOST_CONFIG", "gatepost.yaml")

    def run(terminal: bool, words: str) -> str:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
        with contextlib.suppress(click.ClickException):
            main(words.split(), standalone_mode=False)
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("auth-server audit export --output audit.ndjson", " entries written"),
        ("auth-server backup-verify", "Checking: audit log"),
        ("usage replay calls.ndjson", "1 calls compared"),
        ("import openapi api.yaml", "Reading api.yaml"),
    ],
)
def test_long_work_tells_on_a_terminal_how_far_it_is(say: Say, words: str, said: str) -> None:
    shown = say(True, words)
    before, erased, after = shown.rpartition("\r\x1b[2K")
    assert (said in before, bool(erased), said in after) == (True, True, False)
    assert said not in say(False, words)


def test_a_migration_names_each_step(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPOST_AUTH_DATABASE_URL", "sqlite+aiosqlite:///new.db")
    assert "\rRunning upgrade 0001 -> 0002" in say(True, "auth-server migrate").replace(
        "\x1b[2K", ""
    )
