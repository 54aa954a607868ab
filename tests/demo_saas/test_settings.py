"""Settings come from the environment and from flags; impossible ones are refused by name."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from demo_saas.__main__ import main
from demo_saas.database import connect
from demo_saas.seed import prepare_database
from demo_saas.settings import Settings, SettingsError, read_settings


def test_the_environment_is_read_and_a_flag_wins() -> None:
    environ = {
        "ORBIT_DATABASE": "/data/orbit.sqlite",
        "ORBIT_PUBLIC_URL": "https://orbit.example",
        "ORBIT_GATEPOST_ISSUER": "https://mcp.example/mcp",
        "ORBIT_GATEPOST_JWKS_URL": "https://mcp.example/.well-known/jwks.json",
        "ORBIT_SLOW_REPORT_SECONDS": "0.5",
        "HOME": "/root",
    }
    expected = Settings(
        database=Path("/data/orbit.sqlite"),
        public_url="https://orbit.example",
        gatepost_issuer="https://mcp.example/mcp",
        gatepost_jwks_url="https://mcp.example/.well-known/jwks.json",
        slow_report_seconds=0.5,
    )
    assert read_settings(environ) == expected
    flagged = read_settings(environ, database=Path("other.sqlite"), public_url=None)
    assert flagged.database == Path("other.sqlite")
    assert flagged.public_url == expected.public_url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORBIT_PUBLIC_URL", "https://orbit.example/"),
        ("ORBIT_PUBLIC_URL", "orbit.example"),
        ("ORBIT_GATEPOST_ISSUER", "ftp://x"),
        ("ORBIT_GATEPOST_JWKS_URL", "/jwks.json"),
        ("ORBIT_GATEPOST_URL", "auth.example"),
        ("ORBIT_GATEPOST_URL", "https://auth.example/"),
        ("ORBIT_SLOW_REPORT_SECONDS", "long"),
        ("ORBIT_SLOW_REPORT_SECONDS", "31"),
        ("ORBIT_SLOW_REPORT_SECONDS", "nan"),
    ],
)
def test_a_setting_that_can_not_work_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({name: value})
    refused = CliRunner().invoke(main, [], env={name: value})
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: {name}: ")


def test_a_database_is_seeded_once_and_then_kept(tmp_path: Path, orbit: Any) -> None:
    database = tmp_path / "kept.sqlite"
    prepare_database(database, now=orbit.clock())
    connection = connect(database)
    connection.execute("DELETE FROM tasks WHERE id = 'tsk_1001'")
    prepare_database(database, now=orbit.clock())
    [count] = connection.execute("SELECT count(*) FROM tasks").fetchone()
    [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    assert (count, mode) == (39, "wal")


def test_a_database_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database, but long enough to be taken for one" * 50)
    for path in (tmp_path / "missing" / "orbit.sqlite", other):
        refused = CliRunner().invoke(main, ["--database", str(path)])
        assert refused.exit_code == 1
        assert refused.stderr.startswith(f"Error: ORBIT_DATABASE: {path}: ")
