"""Run the official MCP conformance suite, with the Node version that `tests/node` pins."""

import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import yaml

NODE_FOLDER = Path(__file__).parents[2] / "node"
# Real clients run on it too: Debian's own Node may be too old for them.
NODE = NODE_FOLDER / "node_modules/.bin/node"
REQUIREMENTS = NODE_FOLDER / "node_modules/@modelcontextprotocol/conformance/requirements"
_SCENARIO = re.compile(r"server-(.+?)-\d{4}-\d\d-\d\dT.*")
SUITE = NODE_FOLDER / "node_modules/@modelcontextprotocol/conformance/dist/index.js"


@dataclass(frozen=True, slots=True)
class ConformanceResult:
    """How many checks ended how; `text` is what the suite said, with why a check did not pass.

    A scenario that can't run counts as skipped and does not fail the suite: ask for `skipped == 0`.
    """

    passed: int
    failed: int
    warned: int
    skipped: int
    text: str


def run_authorization_suite(
    issuer: str,
    *,
    client_id: str,
    port: int,
    resource: str,
    open_url: Callable[[str], None],
    seconds: float = 300,
) -> ConformanceResult:
    """Let the suite act as a client of an authorization server.

    Args:
        issuer: the issuer, byte for byte.
        client_id: a public client whose redirect URI is `http://127.0.0.1:{port}/callback`.
        port: a free loopback port, where the suite waits for that redirect.
        resource: what the token is asked for.
        open_url: called once with the authorization URL; it plays the person: follow it, sign in,
            approve, and follow the last redirect to the suite's port.
        seconds: after that long the suite is ended, and what is missing counts as failed.
    """
    with tempfile.TemporaryDirectory(prefix="gatepost-conformance-") as folder:
        process = subprocess.Popen(
            [
                *(NODE, SUITE, "authorization", "--url", issuer, "--client-id", client_id),
                *("--port", str(port), "--resource", resource, "--output-dir", folder),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watchdog = Timer(seconds, process.kill)
        watchdog.start()
        said: list[str] = []
        with process:
            try:
                for line in process.stdout or ():
                    said.append(line)
                    if "response_type=code" in line and line.startswith(("http://", "https://")):
                        open_url(line.strip())
            except BaseException:
                process.kill()
                raise
            finally:
                watchdog.cancel()
        checks = _read_checks(Path(folder))
    counts = Counter(check.get("status") for check in checks)
    said += [
        f"{check.get('status')} {check.get('id')}: {check.get('errorMessage', '')}\n"
        for check in checks
        if check.get("status") != "SUCCESS"
    ]
    finished = process.returncode in (0, 1)
    return ConformanceResult(
        passed=counts["SUCCESS"],
        failed=counts["FAILURE"] + (not finished),
        warned=counts["WARNING"],
        skipped=counts["SKIPPED"],
        text="".join(said),
    )


def run_server_suite(url: str, revision: str, folder: Path, seconds: float = 300) -> dict[str, str]:
    """Let the suite act as a client of an MCP server.

    Args:
        url: the MCP endpoint, which must need no token.
        revision: whose requirements are tested.
        folder: an existing folder for the suite's output.
        seconds: after that long the suite is ended; what did not run is not in the answer.

    Returns:
        Scenario to what failed in it; empty text where nothing did.
    """
    results = folder / f"suite-{revision}"
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [
                *(NODE, SUITE, "server", "--url", url, "--requirements", revision),
                *("--output-dir", results),
            ],
            cwd=folder,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    said: dict[str, str] = {}
    for file in results.rglob("checks.json"):
        # The folder is called server-SCENARIO-TIME.
        scenario = _SCENARIO.sub(r"\1", file.parent.name)
        said[scenario] = "; ".join(
            f"{check['id']}: {check.get('errorMessage', '')}"
            for check in json.loads(file.read_text())
            if check["status"] == "FAILURE"
        )
    return said


def run_server_scenario(
    url: str, scenario: str, folder: Path, seconds: float = 120
) -> dict[str, str]:
    """Let the suite run one scenario for servers; return the status of each of its checks.

    Args:
        url: the MCP endpoint, which must need no token.
        scenario: the scenario's name.
        folder: an existing folder for the suite's output.
        seconds: after that long the suite is ended.
    """
    results = folder / scenario
    argv = (NODE, SUITE, "server", "--url", url, "--scenario", scenario, "--output-dir", results)
    subprocess.run(argv, cwd=folder, capture_output=True, timeout=seconds, check=False)
    return {check["id"]: check["status"] for check in _read_checks(results)}


def run_client_suite(
    scenario: str, command: Sequence[str], folder: Path, seconds: float = 120
) -> str:
    """Let the suite act as both servers for a client; return what it says at the end.

    Args:
        scenario: what it acts.
        command: the client, which gets the server's URL as its last argument.
        folder: an existing folder for the suite's output.
        seconds: after that long the suite is ended.
    """
    suite = (NODE, SUITE, "client", "--scenario", scenario, "--output-dir", folder)
    ran = subprocess.run(
        [*suite, "--command", " ".join(command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(NODE_FOLDER.parent)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return ran.stdout[-5000:] + ran.stderr[-5000:]


def required_scenarios(revision: str) -> list[str]:
    """List the scenarios for servers that a revision requires."""
    requirements = yaml.safe_load((REQUIREMENTS / f"{revision}.yaml").read_text())
    scenarios: list[str] = requirements["server"]
    return scenarios


def _read_checks(results: Path) -> list[dict[str, Any]]:
    files = sorted(results.rglob("checks.json"))
    return [check for file in files for check in json.loads(file.read_text())]
