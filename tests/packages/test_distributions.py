"""Both packages are built from what git has, and work without anything else of this project."""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from support.markdown import ROOT

TRY = """
import sys, gatepost_verify
assert gatepost_verify.__file__.startswith(sys.path[0]), gatepost_verify.__file__
gatepost_verify.Verifier(issuer="https://mcp.example.com/mcp", audience="https://api.example.com")
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as git has them, with what is not committed yet."""
    folder = tmp_path_factory.mktemp("clone")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "packages"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in names.stdout.split():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return folder / "packages"


def test_the_wheel_for_python_works_with_pyjwt_alone(clone: Path, tmp_path: Path) -> None:
    build = ["wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", *build, str(clone / "python")], check=True)
    (wheel,) = tmp_path.glob("gatepost_verify-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")  # noqa: S202 - our own
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"gatepost_verify"}
    assert "gatepost_verify/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)

    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n{TRY}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    loaded = set(done.stdout.split())
    assert {"jwt", "cryptography"} <= loaded
    assert not loaded & {"auth_server", "gatepost", "mcp_gateway", "fastapi", "pydantic", "redis"}


def test_the_package_for_node_works_alone(clone: Path, tmp_path: Path) -> None:
    pack = ["npm", "pack", "--silent", "--pack-destination", str(tmp_path), str(clone / "node")]
    environment = {**os.environ, "npm_config_cache": str(tmp_path / "cache")}
    subprocess.run(pack, check=True, env=environment, cwd=tmp_path, capture_output=True)
    (packed,) = tmp_path.glob("gatepost-verify-*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    package = tmp_path / "node_modules/gatepost-verify"
    package.parent.mkdir()
    (tmp_path / "out/package").rename(package)
    assert (package / "LICENSE").exists()
    assert "dependencies" not in json.loads((package / "package.json").read_text())
    code = """
      import { Verifier } from "gatepost-verify";
      import { gatepost } from "gatepost-verify/express";
      import { requireCaller } from "gatepost-verify/fastify";
      import { createRequire } from "node:module";
      const again = createRequire(import.meta.url)("gatepost-verify");
      if (again.Verifier !== Verifier || !gatepost || !requireCaller) throw new Error("not the same");
      new Verifier({ issuer: "https://mcp.example.com/mcp", audience: "https://api.example.com" });
    """
    (tmp_path / "try.mjs").write_text(code)
    node = ROOT / "tests/node/node_modules/.bin/node"
    subprocess.run([node, "try.mjs"], cwd=tmp_path, check=True)


def test_both_packages_have_one_version() -> None:
    python = tomllib.loads((ROOT / "packages/python/pyproject.toml").read_text())["project"]
    node = json.loads((ROOT / "packages/node/package.json").read_text())
    assert python["version"] == node["version"]
    assert python["dependencies"] == ["cryptography>=42", "pyjwt>=2.10"]
