"""An environment that holds the project's wheel and what it requires, and nothing else."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.markdown import ROOT


def install_wheel(folder: Path, extra: str) -> Path:
    """Build the wheel, and install it with the requirements of an extra; return the Python.

    Requirements come from this environment as links, so that no network is needed.

    Args:
        folder: where the environment is made.
        extra: the extra of `pyproject.toml`.
    """
    build = ("wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder))
    subprocess.run([sys.executable, "-m", "pip", *build, str(ROOT)], check=True)
    (wheel,) = folder.glob("gatepost-*.whl")
    venv.create(folder / "environment", symlinks=True)
    (site,) = (folder / "environment/lib").glob("python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (made,) = site.glob("gatepost-*.dist-info")
    for required in _required_by(PathDistribution(made), extra):
        for file in required.files or []:
            source, target = Path(str(required.locate_file(file))), site / file
            if ".." in file.parts or not source.is_file():  # a script, or compiled code
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:  # another file system
                shutil.copy(source, target)
    return folder / "environment/bin/python"


def _required_by(project: Distribution, extra: str) -> list[Distribution]:
    """List the distributions that a project requires, directly or not."""
    found: dict[str, Distribution] = {}
    seen = set[tuple[str, str]]()
    waiting = [(project, extra)]
    while waiting:
        one, wanted = waiting.pop()
        for text in one.requires or []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": wanted}):
                continue
            name = canonicalize_name(requirement.name)
            itself = name == canonicalize_name(project.name)
            required = project if itself else found.setdefault(name, distribution(name))
            for each in ("", *requirement.extras):
                if (name, each) not in seen:
                    seen.add((name, each))
                    waiting.append((required, each))
    return list(found.values())
