"""`deploy/aws/run`, against a command line of AWS that answers as the real one prints."""

import json
import os
import subprocess
from pathlib import Path

import click
import pytest

from auth_server.cli import auth_server
from support.processes.terraform import FOLDER

AWS = """#!/usr/bin/env bash
printf '%s\\0' "$@" >>"$SAID" && printf '\\n' >>"$SAID"
case "$1 $2" in
  "ecs run-task") echo "${STARTED-arn:aws:ecs:eu-central-1:123456789012:task/gatepost/7a5c}" ;;
  "ecs wait") [[ $(grep --count --text 'ecs.wait' "$SAID") -gt ${WAITS:-0} ]] ;;
  "ecs describe-tasks") printf '%s\\t%s\\n' "$ENDED" "Essential container in task exited" ;;
  "logs filter-log-events") printf '%s\\n' "what the command printed" ;;
esac
"""
ONE_SHOT = (
    "eu-central-1 gatepost arn:definition:3 one-shot subnet-1,subnet-2 sg-1 /gatepost/one-shot"
)


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """The file of the commands that reached AWS."""
    (tmp_path / "aws").write_text(AWS)
    (tmp_path / "aws").chmod(0o755)
    return tmp_path / "said"


def run(said: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script as Terraform does."""
    path = f"{said.parent}:{os.environ['PATH']}"
    return subprocess.run(
        [FOLDER / "run", *words],
        env={"PATH": path, "SAID": str(said), "ONE_SHOT": ONE_SHOT, "ENDED": "0", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def asked(said: Path) -> list[list[str]]:
    """Read what AWS was asked, one list of words for each command."""
    return [line.split("\0")[:-1] for line in said.read_text().splitlines()]


def test_an_operator_runs_a_command_beside_the_services_and_reads_its_output(said: Path) -> None:
    words = ("auth-server", "tenants", "add", "org_1", "--name", 'Ada\'s "Acme" \\ Söhne')
    done = run(said, *words)

    assert (done.returncode, done.stdout) == (0, "what the command printed\n")
    [start, *_] = asked(said)
    given = dict(zip(start[2::2], start[3::2], strict=True))
    assert given["--cluster"] == "gatepost"
    assert given["--task-definition"] == "arn:definition:3"
    assert given["--network-configuration"] == (
        "awsvpcConfiguration={subnets=[subnet-1,subnet-2],securityGroups=[sg-1],"
        "assignPublicIp=DISABLED}"
    )
    [override] = json.loads(given["--overrides"])["containerOverrides"]
    assert override == {"name": "one-shot", "command": ["gatepost", *words]}
    [log] = [words for words in asked(said) if words[0] == "logs"]
    assert "one-shot/one-shot/7a5c" in log


@pytest.mark.parametrize(
    "words",
    [
        "api-keys create usr_ada org_acme",
        "admin-tokens create",
        "clients add orbit",
        "clients add-secret orbit",
        "webhooks add https://example.com",
        "webhooks roll whk_1",
    ],
)
def test_a_secret_that_a_command_shows_once_does_not_stay_in_the_log(
    said: Path, words: str
) -> None:
    group, name, *_ = words.split()
    place = auth_server.get_command(click.Context(auth_server), group)
    assert isinstance(place, click.Group)
    assert name in place.commands

    done = run(said, "auth-server", *words.split())

    assert (done.returncode, done.stdout) == (0, "what the command printed\n")
    shown, deleted = [words for words in asked(said) if words[0] == "logs"]
    assert (shown[1], deleted[1]) == ("filter-log-events", "delete-log-stream")
    assert deleted[-1] == "one-shot/one-shot/7a5c"


def test_a_migration_that_fails_stops_the_roll_out_and_says_why(said: Path) -> None:
    done = run(said, "auth-server", "migrate", ENDED="3")

    assert done.returncode == 3
    assert "ended with 3: Essential container in task exited" in done.stderr
    assert done.stdout == "what the command printed\n"


def test_a_task_that_could_not_start_stops_the_roll_out_too(said: Path) -> None:
    never_ran = run(said, "auth-server", "migrate", ENDED="None")
    assert never_ran.returncode == 1
    assert "ended with no exit code" in never_ran.stderr

    refused = run(said, "auth-server", "migrate", STARTED="None")
    assert refused.returncode == 1
    assert "ECS started no task" in refused.stderr


def test_a_migration_may_take_longer_than_one_wait(said: Path) -> None:
    done = run(said, "auth-server", "migrate", WAITS="2")

    assert done.returncode == 0
    assert len([words for words in asked(said) if words[:2] == ["ecs", "wait"]]) == 3


def test_a_run_without_a_command_starts_nothing(said: Path) -> None:
    assert run(said).returncode == 2
    assert not said.exists()
