"""Terraform without an account and a network: its tests, and the plan that they make."""

import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "deploy" / "aws"
# Terraform looks for providers in the first three itself.
PLUGIN_FOLDERS = (
    Path("~/.terraform.d/plugins").expanduser(),
    Path("/usr/local/share/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
    Path("/opt/tf-plugins"),
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a plan."""

    address: str
    kind: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How `terraform test` ended.

    Attributes:
        runs: the result of each run by its name, such as `pass`.
        errors: the errors that it told.
        resources: those of the first run's plan.
    """

    runs: dict[str, str]
    errors: tuple[str, ...]
    resources: tuple[Resource, ...]


def terraform_test(shared: Path) -> Outcome:
    """Run the tests of deploy/aws once for all test processes that share a folder.

    Skips the test if Terraform or the provider is missing, because both are large downloads.
    """
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("NOT TESTED: deploy/aws. Install terraform 1.11 or newer to test it.")
    plugins = next((one for one in PLUGIN_FOLDERS if any(one.glob("*/hashicorp/aws/*"))), None)
    if plugins is None:
        known = ", ".join(str(one) for one in PLUGIN_FOLDERS)
        pytest.skip(
            f"NOT TESTED: deploy/aws. Terraform's provider hashicorp/aws is in none of {known}; "
            f"`terraform providers mirror {PLUGIN_FOLDERS[0]}` in deploy/aws downloads it."
        )
    said = shared / "terraform-test.json"
    with (shared / "terraform.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_bytes(_run(terraform, plugins, shared / "terraform"))
    return _read(said)


def _run(terraform: str, plugins: Path, copy: Path) -> bytes:
    # A copy, because `terraform init` writes beside the configuration.
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars")
    shutil.copytree(FOLDER, copy, ignore=ignored)
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    if not Path(environment.get("TF_CLI_CONFIG_FILE", "/")).exists():
        del environment["TF_CLI_CONFIG_FILE"]  # Terraform would warn of it
    prepared = subprocess.run(
        [terraform, "init", "-no-color", "-input=false", f"-plugin-dir={plugins}"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    tested = subprocess.run(
        [terraform, "test", "-no-color", "-json", "-verbose"],
        cwd=copy,
        env=environment,
        capture_output=True,
        check=False,
    )
    return tested.stdout


def _read(said: Path) -> Outcome:
    runs: dict[str, str] = {}
    errors: list[str] = []
    resources: tuple[Resource, ...] = ()
    for line in said.read_bytes().splitlines():
        event = json.loads(line)
        match event["type"]:
            case "diagnostic" if event["diagnostic"]["severity"] == "error":
                told = event["diagnostic"]
                errors.append(f"{told['summary']}: {told['detail']}")
            case "test_run" if event["test_run"]["progress"] == "complete":
                runs[event["test_run"]["run"]] = event["test_run"]["status"]
            case "test_plan" if not resources:
                resources = tuple(
                    Resource(one["address"], one["type"], one["change"]["after"])
                    for one in event["test_plan"]["resource_changes"]
                    if "create" in one["change"]["actions"]
                )
    return Outcome(runs, tuple(errors), resources)
