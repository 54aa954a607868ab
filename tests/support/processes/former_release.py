"""The code of the release before this one, from git, and processes that run it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FORMER_RELEASE = "74d070d"
"""A tag, or before there is one, a commit. Each release sets it to the one before."""
_ROOT = Path(__file__).parents[3]


class NoFormerRelease(Exception):
    """Git can't read it here; the message says why."""


def unpack_former_release(folder: Path) -> str:
    """Write the former release's packages into a new folder; return their folders as a path for Python.

    Raises:
        NoFormerRelease: this is not a clone, or one without that commit.
    """
    archive = subprocess.run(
        ["git", "-C", _ROOT, "archive", FORMER_RELEASE, "services", "shared"],
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        problem = archive.stderr.decode().strip()
        raise NoFormerRelease(f"git can't read {FORMER_RELEASE} here: {problem}")
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return f"{folder / 'services'}:{folder / 'shared'}"


def with_code(
    command: Sequence[str | Path], code: str | None
) -> tuple[list[str | Path], dict[str, str]]:
    """Return a `python -m` command and what it needs in its environment to run a release's code.

    Args:
        command: starts with `sys.executable`.
        code: from `unpack_former_release`; None is this release's.
    """
    if code is None:
        return [*command], {}
    # Without `-P`, Python would look into the folder that it runs in first.
    return [sys.executable, "-P", *command[1:]], {"PYTHONPATH": code}
