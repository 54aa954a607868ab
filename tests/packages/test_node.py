"""The Node package: its vectors, its adapters, its memory in Redis and its types."""

import os
import subprocess
from pathlib import Path

import pytest

from support.markdown import ROOT
from support.processes.redis import RedisServer

NODE = ROOT / "tests/node"
BIN = NODE / "node_modules/.bin"


def run(*command: str | Path, **environment: str) -> None:
    """Run a program in the folder of the Node packages, and show what it says if it fails."""
    done = subprocess.run(
        command,
        cwd=NODE,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.parametrize("what", ["vectors", "servers"])
@pytest.mark.whole_machine
def test_the_node_package_verifies_as_the_vectors_and_its_adapters_promise_a253(what: str) -> None:
    run(BIN / "node", "--test", f"verify/{what}.test.mjs")


@pytest.mark.whole_machine
def test_processes_share_used_ids_through_redis_in_node_a255(redis: RedisServer) -> None:
    run(BIN / "node", "--test", "verify/redis.test.mjs", REDIS_URL=redis.url)


@pytest.mark.whole_machine
def test_the_types_of_the_node_package_describe_it() -> None:
    run(BIN / "node", BIN / "tsc", "--project", ".")
