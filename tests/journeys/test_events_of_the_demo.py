"""What a newcomer sees of events and tasks: the demo, and the commands of docs/events.md."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.processes.deployment import GATEPOST, GATEPOST_SCRIPT, run_to_end
from support.processes.services import free_port

pytestmark = pytest.mark.whole_machine
TESTS = Path(__file__).parents[1]


@contextmanager
def typed(environment: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command while the block lasts, and stop it as Ctrl-C does."""
    # A shell lets programs in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [*GATEPOST_SCRIPT, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        signal.signal(signal.SIGINT, before)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def line_with(stream: Iterable[str] | None, words: str) -> str:
    """Wait for a line with these words."""
    said: list[str] = []
    for line in stream or ():
        said.append(line)
        if words in line:
            return str(line)
    pytest.fail(f"it ended without {words!r}:\n{''.join(said)}")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Keep the tokens of this module's commands to themselves, and sign in as Ada."""
    return {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state")),
        "BROWSER": f"{sys.executable} -m support.browsers.browser %s",
        "PYTHONPATH": str(TESTS),
    }


@pytest.fixture(scope="module")
def demo(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the demo, connect, and return the gateway's address."""
    folder = tmp_path_factory.mktemp("demo")
    state = folder / "state.json"
    ports = [
        part
        for name in ("auth", "gateway", "saas", "stripe")
        for part in (f"--{name}-port", str(free_port()))
    ]
    with typed(environment, "demo", *ports, "--state-file", str(state), "--invoicing") as running:
        line_with(running.stdout, "Ctrl-C stops everything")
        resource: str = json.loads(state.read_text())["resource"]
        ended = gatepost(environment, "connect", resource, "--json")
        assert ended.returncode == 0, ended.stderr
        yield resource


def gatepost(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return run_to_end(*GATEPOST, *words, env=environment)


def test_a_newcomer_sees_the_event_of_a_changed_task(
    demo: str, environment: dict[str, str]
) -> None:
    uri = "orbit://tasks/tsk_1001"
    with typed(environment, "listen", uri) as listening:
        line_with(listening.stderr, f"Listening to {uri} and changed lists")
        called = gatepost(environment, "call", "update_task", "task_id=tsk_1001", "priority=urgent")
        assert called.returncode == 0, called.stderr
        assert line_with(listening.stdout, uri) == f"notifications/resources/updated {uri}\n"
        listening.send_signal(signal.SIGINT)
        said, errors = listening.communicate(timeout=50)
        assert (listening.returncode, said, errors) == (0, "", "")


def test_a_script_waits_for_one_notification(demo: str, environment: dict[str, str]) -> None:
    uri = "orbit://tasks/tsk_1002"
    with typed(environment, "listen", uri, "--once", "--json", "--at", demo) as listening:
        line_with(listening.stderr, "Listening")
        called = gatepost(environment, "call", "update_task", "task_id=tsk_1002", "estimate=3")
        assert called.returncode == 0, called.stderr
        said, _ = listening.communicate(timeout=50)
    assert listening.returncode == 0
    assert json.loads(said) == {"method": "notifications/resources/updated", "uri": uri}


@pytest.mark.parametrize("uri", ["orbit://projects/prj_website", "ORBIT://tasks/tsk_1001"])
def test_a_uri_of_which_nothing_is_told_is_named_with_what_there_is(
    demo: str, environment: dict[str, str], uri: str
) -> None:
    ended = gatepost(environment, "listen", uri)
    assert ended.returncode == 1
    assert f"{demo} tells nothing of {uri}: you may read orbit://tasks/{{task_id}}" in ended.stderr


def test_a_newcomer_sees_how_far_a_report_is_and_gets_it(
    demo: str, environment: dict[str, str]
) -> None:
    ended = gatepost(environment, "call", "create_report", "delay=3")
    assert ended.returncode == 0, ended.stderr
    assert "task working: 3 seconds are left\n" in ended.stderr
    assert ended.stderr.endswith("task completed\n")
    assert "generated_at" in ended.stdout
