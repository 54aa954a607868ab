"""The steps of the Dockerfile make environments from which the processes start, without an engine."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes.deployment import write_manifest
from support.processes.services import free_port, running_service

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()
STAGES = {
    found[1]: found[2]
    for found in re.finditer(
        r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL
    )
}


def copied(stage: str) -> list[tuple[list[str], str]]:
    """List what a stage copies from the repository: the sources and the target."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", STAGES[stage], re.MULTILINE)
    return [(line.split()[:-1], line.split()[-1]) for line in lines]


def is_sent(path: str) -> bool:
    """Whether .dockerignore, which refuses everything else, lets a path or its folder through."""
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [rule[1:].rstrip("/") for rule in rules if rule.startswith("!")]
    return "*" in rules and any(path == rule or path.startswith(f"{rule}/") for rule in allowed)


def test_every_copied_file_reaches_the_builder() -> None:
    sources = [source for stage in STAGES for group, _ in copied(stage) for source in group]

    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not is_sent(source)] == []


def test_every_process_has_a_target_without_root() -> None:
    finals = {"auth_server", "events_worker", "migration", "mcp_gateway", "smoke", "demo_saas"}

    assert {
        stage for stage, steps in STAGES.items() if re.search(r"^CMD ", steps, re.MULTILINE)
    } == finals
    assert all(re.search(r"^HEALTHCHECK ", STAGES[stage], re.MULTILINE) for stage in finals)
    assert "USER 10001:10001" in STAGES["runtime"]
    assert "-perm /6000 -exec chmod a-s" in STAGES["runtime"].partition("USER")[0]
    for stage in finals:
        assert f"FROM runtime AS {stage}\n" in DOCKERFILE
        assert "USER" not in STAGES[stage]


def do_steps(stage: str, folder: Path, prefix: Path) -> None:
    """Carry out what a stage copies and runs, with the environment in another place."""
    for sources, target in copied(stage):
        for source in sources:
            place = folder / target
            if (ROOT / source).is_dir():
                shutil.copytree(
                    ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__", "*.db")
                )
            else:
                place = place / Path(source).name if target.endswith("/") else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    python = Path(sys.executable).resolve().parent
    for command in re.findall(r"^RUN (.+)$", STAGES[stage], re.MULTILINE):
        line = re.sub(r"^(\./install \S+)$", rf"\1 {prefix}", command)
        done = subprocess.run(
            ["/bin/sh", "-c", f'PATH="{python}:$PATH"; {line}'],
            cwd=folder,
            # Python compiles what the processes import; pip would compile every package.
            env={**os.environ, "PIP_NO_COMPILE": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


@pytest.mark.whole_machine
def test_the_gateways_image_starts_from_its_pinned_packages_and_lists_them(tmp_path: Path) -> None:
    prefix, state = tmp_path / "gatepost", tmp_path / "state"
    state.mkdir()
    do_steps("build", tmp_path / "build", prefix)
    do_steps("mcp_gateway_environment", tmp_path / "build", prefix)
    write_manifest(state)
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        "RESOURCE": f"{url}/mcp",
        "ISSUER": "http://127.0.0.1:9",
        "UPSTREAM_URL": "http://127.0.0.1:9",
        "MANIFEST": str(state / "tools.yaml"),
        "SIGNING_KEY": str(state / "key.pem"),
    }
    environment = [f"GATEPOST_MCP_{name}={value}" for name, value in settings.items()]
    [command] = re.findall(r"^CMD (.+)$", STAGES["mcp_gateway"], re.MULTILINE)
    program, *arguments = [part.replace("8401", url.split(":")[-1]) for part in json.loads(command)]
    argv = ("/usr/bin/env", "-i", *environment, prefix / "bin" / program, *arguments)

    with running_service(argv, url=url, log=tmp_path / "gateway.log", ready_path="/livez"):
        [check] = re.findall(r"HEALTHCHECK .*\n +CMD (.+)$", STAGES["mcp_gateway"], re.MULTILINE)
        _, *asked = [part.replace("8401", url.split(":")[-1]) for part in json.loads(check)]
        subprocess.run([prefix / "bin/python", *asked], check=True, env={})

    sbom = json.loads((prefix / "sbom.cdx.json").read_text())
    pinned = re.findall(
        r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements/mcp-gateway.txt").read_text(), re.MULTILINE
    )
    listed = {item["purl"] for item in sbom["components"]}
    assert "pkg:pypi/uvicorn@" in " ".join(sorted(listed))
    assert listed <= {f"pkg:pypi/{name}@{version}" for name, version in pinned}
    assert all(len(item["hashes"][0]["content"]) == 64 for item in sbom["components"])
    assert not (prefix / "bin/pip").exists()
