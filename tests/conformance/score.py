"""The official suite's scenarios for servers, run at one revision and counted."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from conformance.deployment import HERE, Fixture
from conformance.proxy import authenticating_proxy
from support.processes.conformance import (
    required_scenarios,
    run_server_scenario,
    run_server_suite,
)

_EXTENSION = "tasks-"
"""How the scenarios of the extension for tasks begin, which the gateway serves."""
REVISIONS = ("2025-11-25", "2026-07-28")


@dataclass(frozen=True, slots=True)
class Score:
    """How one revision ended; scenario to why it failed."""

    revision: str
    passed: tuple[str, ...]
    failed: Mapping[str, str]
    expected: Mapping[str, str]
    """Scenario to why it is known to fail."""
    unscored: Mapping[str, str]
    """Scenario that the revision does not require to what failed in it; empty text if nothing did."""
    known: Mapping[str, str]
    """Scenario of these to why it is known to fail."""

    @property
    def problems(self) -> list[str]:
        """List what differs from what is expected, either way."""
        surprises = [
            f"{name} fails: {why}" for name, why in self.failed.items() if name not in self.expected
        ]
        surprises += [
            f"{name} passes: take it out of expected-failures.yaml"
            for name in self.expected
            if name not in self.failed
        ]
        surprises += [
            f"{name} {'fails: ' + why if why else 'passes: take it out of expected-failures.yaml'}"
            for name, why in self.unscored.items()
            if name.startswith(_EXTENSION) and bool(why) != (name in self.known)
        ]
        return [f"{self.revision}: {surprise}" for surprise in surprises]

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.revision}: {len(self.passed)} of {len(self.passed) + len(self.failed)}"


async def run_scenario(fixture: Fixture, scenario: str, folder: Path) -> dict[str, str]:
    """Run one scenario through the authenticating proxy; return the status of each check."""
    gateway_port = urlsplit(fixture.resource).port
    assert gateway_port is not None
    async with authenticating_proxy(fixture.proxy_port, gateway_port, await fixture.token()):
        url = f"http://127.0.0.1:{fixture.proxy_port}/mcp"
        return await asyncio.to_thread(run_server_scenario, url, scenario, folder)


async def score(fixture: Fixture, revision: str, folder: Path) -> Score:
    """Run every scenario that the revision requires, through the authenticating proxy."""
    gateway_port = urlsplit(fixture.resource).port
    assert gateway_port is not None
    async with authenticating_proxy(fixture.proxy_port, gateway_port, await fixture.token()):
        url = f"http://127.0.0.1:{fixture.proxy_port}/mcp"
        said = await asyncio.to_thread(run_server_suite, url, revision, folder)
    required = required_scenarios(revision)
    failed = {name: said.get(name, "it did not run") for name in required}
    failed = {name: why for name, why in failed.items() if why}
    failures = yaml.safe_load((HERE / "expected-failures.yaml").read_text())
    expected, known = failures[revision], failures["not-scored"]
    passed = tuple(name for name in required if name not in failed)
    unscored = {name: why for name, why in sorted(said.items()) if name not in required}
    return Score(revision, passed, failed, expected, unscored, known)
