"""Which packages `./dev` installs, with an imitation of pip that installs nothing."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = "build.txt demo.txt"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project's `dev` beside an environment that has not been filled."""
    shutil.copy(ROOT / "dev", tmp_path / "dev")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").write_text(f"command = python -m venv {tmp_path / '.venv'}")
    say = 'for each in "$@"; do case $each in --requirement=*|-r|*/requirements/*) '
    _program(
        programs / "pip",
        f'{say} printf "%s\\n" "${{each##*/}}" >>"$VIRTUAL_ENV/pip.log";; esac; done',
    )
    for name in ("python", "gatepost"):
        _program(programs / name, "exit 0")
    return tmp_path


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


def installed(copy: Path, *arguments: str) -> str:
    """Run `./dev`, and return the names of the requirement files that it installed."""
    log = copy / ".venv" / "pip.log"
    log.unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(copy)}
    subprocess.run([copy / "dev", *arguments], env=environment, check=True, capture_output=True)
    return " ".join(sorted(log.read_text().split())) if log.exists() else ""


def test_the_demo_and_its_commands_share_a_small_environment(copy: Path) -> None:
    assert installed(copy, "demo") == SMALL
    assert installed(copy, "run", "gatepost", "connect") == ""


def test_development_commands_install_the_development_packages_once(copy: Path) -> None:
    installed(copy, "demo")

    assert installed(copy, "run", "true") == "dev.txt"
    assert installed(copy, "run", "gatepost", "connect") == ""
    assert installed(copy, "demo") == ""


def test_the_demos_environment_has_each_package_that_connecting_a_client_needs() -> None:
    """Otherwise the first command after `./dev demo` fails for want of the MCP client."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    names = [*re.findall(r"[a-z-]+", extras["demo"][0]), "demo"]
    needed = {
        re.split(r"[\[>; ]", requirement)[0] for name in names[1:] for requirement in extras[name]
    }
    pinned = {
        name
        for file in SMALL.split()
        for name in re.findall(
            r"^([\w.-]+)==", (ROOT / "requirements" / file).read_text(), re.MULTILINE
        )
    }
    assert "mcp" in needed
    assert needed - {"gatepost"} - pinned == set()
