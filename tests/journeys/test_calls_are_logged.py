"""A program calls with an API key, and every call is in the call log despite crashes."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from urllib.parse import urlsplit

import httpx2
import pytest

from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import (
    GATEPOST,
    origin,
    run,
    run_to_end,
    serve,
    write_manifest,
)
from support.processes.fork_server import start
from support.processes.redis import RedisServer, running_redis
from support.processes.services import POLL_SECONDS, Service, free_port, running_service

pytestmark = pytest.mark.whole_machine

CREATE = ("--label", "Report", "--person", "usr_ada", "--tenant", "org_acme", "--test")
MAY = ("--scope", "mcp:read", "--tool", "list_projects")
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "list_projects", "arguments": {}},
}


@dataclass
class Place:
    """The authorization server and a gateway as processes, and their Redis, if any."""

    issuer: str
    resource: str
    folder: Path
    redis: RedisServer | None
    stack: ExitStack

    @property
    def config(self) -> Path:
        """The configuration file of both."""
        return self.folder / "gatepost.yaml"

    def start(self, service: str, url: str) -> Service:
        """Start one of the two services."""
        arguments = (*serve(service, self.config), "--port", str(urlsplit(url).port))
        log = self.folder / f"{service}.log"
        return self.stack.enter_context(
            running_service(arguments, url=url, log=log, ready_path="/readyz")
        )

    def start_worker(self) -> None:
        """Start the worker that writes the call log from Redis."""
        command = (*GATEPOST, "auth-server", "events-worker", "--config", self.config)
        log = self.stack.enter_context((self.folder / "events-worker.log").open("ab"))
        worker = start([str(part) for part in command], output=log)
        self.stack.callback(worker.wait)
        self.stack.callback(worker.terminate)

    def call(self, key: str) -> int:
        """Call a tool with a key; return the status."""
        headers = {"x-api-key": key, "mcp-protocol-version": "2025-11-25"}
        accept = {"accept": "application/json, text/event-stream"}
        with httpx2.Client(trust_env=False, timeout=30) as http:
            return http.post(self.resource, json=CALL, headers=headers | accept).status_code

    def until_kept(self, calls: int) -> None:
        """Wait until the gateway says that it keeps so many events."""
        with httpx2.Client(trust_env=False, timeout=30) as http:
            for _ in range(600):
                details = http.get(f"{origin(self.resource)}/readyz").json()["details"]
                if details["events"] == f"{calls} wait to be delivered":
                    return
                sleep(POLL_SECONDS)
        raise AssertionError(details)

    def logged(self, calls: int) -> list[tuple[str, ...]]:
        """Read the call log once so many calls are there."""
        for _ in range(600):
            with closing(sqlite3.connect(self.folder / "gatepost.db")) as db:
                query = "SELECT tenant_id, sub, tool, env FROM call_log"
                rows = db.execute(query).fetchall()
            if len(rows) >= calls:
                break
            sleep(POLL_SECONDS)
        return rows


@pytest.fixture(params=["http", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path, seeded_sqlite: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        redis = None
        if request.param == "redis":
            redis = stack.enter_context(running_redis(tmp_path))
        setting = {"redis_url": redis.url} if redis else {}
        issuer = f"http://127.0.0.1:{free_port()}"
        resource = f"http://127.0.0.1:{free_port()}/mcp"
        shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
        write_config(
            tmp_path,
            auth_server=issuing(issuer, resource, **setting),
            # The API is down: a failed call makes an event, too.
            mcp_gateway=serving(issuer, resource, f"http://127.0.0.1:{free_port()}", **setting),
        )
        write_manifest(tmp_path)
        yield Place(issuer, resource, tmp_path, redis, stack)


def test_every_call_with_a_key_is_logged_once_despite_crashes(place: Place) -> None:
    said = run(
        *GATEPOST, "auth-server", "api-keys", "create", "--config", place.config, *CREATE, *MAY
    )
    [key] = [word for word in said.split() if word.startswith("mcp_test_")]
    authorization_server = place.start("auth-server", place.issuer)
    gateway = place.start("mcp-gateway", origin(place.resource))
    if place.redis is not None:
        place.start_worker()
    assert place.call(key) == 200
    assert place.call(key[:-1]) == 401
    assert len(place.logged(1)) == 1

    # The cached key stays valid; events wait.
    authorization_server.kill()
    if place.redis is not None:
        place.redis.stop()
    assert [place.call(key) for _ in range(2)] == [200, 200]
    # The gateway is killed as soon as it has acknowledged them.
    place.until_kept(2)
    gateway.kill()
    if place.redis is not None:
        place.redis.start()
    place.start("auth-server", place.issuer)
    place.start("mcp-gateway", origin(place.resource))
    assert place.call(key) == 200

    rows = place.logged(4)

    assert len(rows) == 4
    assert set(rows) == {("org_acme", "usr_ada", "list_projects", "test")}


def test_the_worker_without_redis_says_that_none_is_needed(tmp_path: Path) -> None:
    write_config(
        tmp_path, auth_server=issuing("http://127.0.0.1:8400", "http://127.0.0.1:8401/mcp")
    )
    config = ("--config", tmp_path / "gatepost.yaml")

    done = run_to_end(*GATEPOST, "auth-server", "events-worker", *config)

    assert done.returncode == 1
    assert "redis_url is not set" in done.stderr
