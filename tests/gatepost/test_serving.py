"""How both services serve, by their commands."""

import gc
from functools import partial
from pathlib import Path
from socket import socket

import pytest
import uvicorn
from click.testing import CliRunner

from auth_server.cli import auth_server
from mcp_gateway.cli import mcp_gateway
from support.in_process.gateway import API
from support.processes.configuration import issuing, serving, write_config

ISSUER, RESOURCE = "http://127.0.0.1:8400", "http://127.0.0.1:8401/mcp"


@pytest.mark.parametrize("command", [auth_server, mcp_gateway])
@pytest.mark.parametrize(
    ("settings", "seconds"), [({}, 75), ({"idle_connection_seconds": 350}, 350)]
)
def test_an_idle_connection_outlives_the_patience_of_a_load_balancer(
    command: object,
    settings: dict[str, int],
    seconds: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Most keep theirs for 60 seconds, and would send a request on one that is being closed."""
    served: list[uvicorn.Config] = []

    def run(server: uvicorn.Server, sockets: list[socket]) -> None:
        served.append(server.config)
        for bound in sockets:
            bound.close()

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr("auth_server.commands.server.configure_logs", lambda **_: None)
    monkeypatch.setattr("gatepost.logs.configure_logs", lambda **_: None)
    kept: list[str] = []
    for name in ("disable", "enable", "freeze"):
        monkeypatch.setattr(gc, name, partial(kept.append, name))
    steps: list[tuple[int, ...]] = []
    monkeypatch.setattr(gc, "set_threshold", lambda *thresholds: steps.append(thresholds))
    gateway = serving(ISSUER, RESOURCE, "http://127.0.0.1:8402", manifest=API / "tools.yaml")
    config = write_config(
        tmp_path,
        auth_server=issuing(ISSUER, RESOURCE, **settings),
        mcp_gateway={**gateway, **settings},
    )

    result = CliRunner().invoke(command, ["serve", "--port", "0", "--config", str(config)])  # type: ignore[arg-type]

    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert [each.timeout_keep_alive for each in served] == [seconds]
    # The collector never scans what lives as long as the process.
    assert kept == ["disable", "enable", "freeze"]
    # What it scans at once of the rest is bounded, also while thousands of streams open.
    assert [young * passes for young, passes, _ in steps] == [20_000]
