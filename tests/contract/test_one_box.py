"""The files of one box fit the services, and its scripts do what they promise, without an engine."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auth_server.schema.migrate import migrate
from auth_server.settings import AuthServerSettings
from mcp_gateway.settings import McpGatewaySettings
from support.processes.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
BOX = ROOT / "deploy/one-box"
PROGRAMS = Path(sys.executable).parent
OURS = ("auth-server", "events-worker", "migration", "mcp-gateway", "smoke")
HOSTS = ("auth.example.com", "mcp.example.com")
STAND_IN = """#!/bin/sh
# Stands for `docker`: writes its arguments down, and fails where $FAIL says so.
echo "$*" >>"$CALLS"
case "$*" in
  *pg_dump*) echo a dump ;;
  *"-cf - ."*) tar -C "$(dirname "$0")" -cf - docker | head -c "${WRITTEN:-100000}" ;;
  *pg_database_size*) echo "${SIZE:-9}" ;;
  *" df "*) printf 'Avail\n%s\n' 5000000 ;;
  *pg_restore* | *"-xf -"*) cat >/dev/null ;;
esac
if [ -n "$FAIL" ] && echo "$*" | grep -qE -- "$FAIL"; then
  case "$(grep -cE -- "$FAIL" "$CALLS")" in "${TIMES:-1}") exit 1 ;; esac
fi
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A copy of the repository's part that a box needs, with a stand-in for docker."""

    root: Path
    calls: Path

    @property
    def folder(self) -> Path:
        """Where the scripts are."""
        return self.root / "deploy/one-box"

    def run(
        self,
        script: str,
        *arguments: str | Path,
        fail: str = "",
        times: int = 1,
        world: Mapping[str, str] = {},
    ) -> subprocess.CompletedProcess[str]:
        """Run a script; `fail` is a pattern of the docker command whose nth call fails.

        `world` is how the stand-in sees it: SIZE of the database in KiB, and how many bytes of a tar are
        WRITTEN.
        """
        self.calls.write_text("")
        path = f"{self.root.parent}:{os.environ['PATH']}"
        own = {"PATH": path, "CALLS": str(self.calls), "FAIL": fail, "TIMES": str(times), **world}
        return subprocess.run(
            [self.folder / script, *arguments],
            env={**os.environ, **own},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self) -> list[str]:
        """List what docker was asked for."""
        return [line.removeprefix("compose ") for line in self.calls.read_text().splitlines()]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box that nobody has set up."""
    root = tmp_path / "gatepost"
    shutil.copytree(BOX, root / "deploy/one-box", ignore=shutil.ignore_patterns(".env", "config"))
    shutil.copy(ROOT / "pyproject.toml", root)
    docker = tmp_path / "docker"
    docker.write_text(STAND_IN)
    docker.chmod(0o755)
    return Box(root, tmp_path / "calls")


@pytest.fixture
def ready(box: Box, tmp_path: Path) -> Box:
    """A box that is set up with a manifest."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("tools.yaml", "openapi.json", "gatepost.yaml"):
        (tools / name).write_text("{}")
    done = box.run("set-up", *HOSTS, "https://api.example.com", tools)
    assert done.returncode == 0, done.stderr
    return box


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "advice.detachedHead=false")
    command = ["git", *who, "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def released(ready: Box, tmp_path: Path) -> Box:
    """A box that runs 0.1.0, and knows a repository in which 0.2.0 is tagged."""
    origin = tmp_path / "origin"
    shutil.copytree(
        ready.root, origin, ignore=shutil.ignore_patterns(".env", "config"), dirs_exist_ok=True
    )
    git(tmp_path, "init", "--quiet", str(origin))
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message=one")
    git(origin, "tag", "v0.1.0")
    git(ready.root, "init", "--quiet")
    git(ready.root, "remote", "add", "origin", str(origin))
    git(ready.root, "fetch", "--quiet", "--tags", "origin")
    git(ready.root, "checkout", "--quiet", "--force", "v0.1.0")
    # The next release has another script: bash must not read on in it.
    script = origin / "deploy/one-box/upgrade"
    script.write_text("#!/usr/bin/env bash\nexit 77\n" * 200)
    git(origin, "commit", "--quiet", "--all", "--message=two")
    git(origin, "tag", "v0.2.0")
    backup = ready.folder / "backup"
    backup.write_text("#!/bin/sh\ndocker compose backup\n")
    git(ready.root, "update-index", "--assume-unchanged", "deploy/one-box/backup")
    return ready


def compose(box: Box) -> dict[str, Any]:
    """Read the services as the real parser does."""
    done = subprocess.run(
        [PROGRAMS / "docker-compose", "--profile=by-hand", "config", "--format", "json"],
        cwd=box.folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def test_what_set_up_writes_is_accepted_by_both_services_and_compose(
    ready: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("GATEPOST_")]:
        monkeypatch.delenv(name)
    config = ready.folder / "config/gatepost.yaml"
    issuing, gateway = AuthServerSettings.load(config), McpGatewaySettings.load(config)
    services = compose(ready)
    password = (ready.folder / "config/postgres_password").read_text()

    assert issuing.issuer == gateway.issuer == "https://auth.example.com"
    assert [entry.resource for entry in issuing.resources] == [gateway.resource]
    assert gateway.resource == "https://mcp.example.com/mcp"
    assert issuing.database_url == f"postgresql+psycopg://gatepost:{password}@postgres/gatepost"
    assert gateway.manifest == ready.folder / "config/mcp_gateway/tools.yaml"
    assert services["smoke"]["command"][-1] == gateway.resource
    assert services["caddy"]["networks"]["front"]["aliases"] == list(HOSTS)
    assert not (ready.folder / "config/mcp_gateway/gatepost.yaml").exists()


def test_the_secrets_of_a_box_are_readable_by_their_service_alone(ready: Box) -> None:
    services = compose(ready)
    seen = {
        name: [mount["source"] for mount in services[name]["volumes"]]
        for name in ("mcp-gateway", "auth-server")
    }
    for name in (".env", "config/postgres_password", "config/auth_server/secret_key"):
        assert stat.S_IMODE((ready.folder / name).stat().st_mode) == 0o600

    assert not [source for source in seen["mcp-gateway"] if "auth_server" in source]
    assert not [source for source in seen["auth-server"] if "mcp_gateway" in source]
    assert "data" not in services["mcp-gateway"]["networks"]
    assert [name for name, service in services.items() if service.get("ports")] == ["caddy"]
    for name, service in services.items():
        if "build" in service or name == "caddy":
            assert service["read_only"] and service["cap_drop"] == ["ALL"], name


def test_set_up_keeps_the_secrets_that_are_there_and_refuses_what_can_not_work(ready: Box) -> None:
    key = (ready.folder / "config/auth_server/secret_key").read_text()
    again = ready.run("set-up", *HOSTS, "https://api.example.com")

    assert (again.returncode, "this box is set up" in again.stderr) == (1, True)
    assert (ready.folder / "config/auth_server/secret_key").read_text() == key
    for arguments in (
        ("auth.example.com", "auth.example.com", "https://api.example.com"),
        ("https://auth.example.com", "mcp.example.com", "https://api.example.com"),
        (*HOSTS, "api.example.com"),
        (*HOSTS, "https://api.example.com", "/nowhere"),
    ):
        refused = ready.run("set-up", *arguments)
        assert refused.returncode == 1
        assert refused.stderr.startswith("set-up: ")


def test_a_backup_holds_all_that_a_new_box_needs_and_is_checked(ready: Box, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    (folder / "20200101T000000Z").mkdir(parents=True)
    os.utime(folder / "20200101T000000Z", (0, 0))
    done = ready.run("backup", folder)
    [made] = folder.iterdir()

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d{8}T\d{6}Z", made.name)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {path.name for path in made.iterdir()} == {
        *("database.dump", "config.tar", "auth-server.tar", "mcp-gateway.tar")
    }
    with tarfile.open(made / "config.tar") as tar:
        names = set(tar.getnames())
    assert {".env", "config/auth_server/secret_key", "config/mcp_gateway/tools.yaml"} <= names
    asked = ready.asked()
    assert asked[-2].endswith("migration gatepost auth-server backup-verify")
    assert "dropdb" in asked[-1]
    password = (ready.folder / "config/postgres_password").read_text()
    assert password not in "".join(asked)


@pytest.mark.parametrize("step", ["pg_dump", "auth-server tar", "pg_restore", "backup-verify"])
def test_a_backup_that_fails_leaves_nothing_and_deletes_no_older_one(
    ready: Box, tmp_path: Path, step: str
) -> None:
    folder = tmp_path / "backups"
    (folder / "20200101T000000Z").mkdir(parents=True)
    os.utime(folder / "20200101T000000Z", (0, 0))
    done = ready.run("backup", folder, fail=step)

    assert done.returncode != 0
    assert [path.name for path in folder.iterdir()] == ["20200101T000000Z"]
    assert "dropdb" in ready.asked()[-1]


def test_a_backup_is_restored_on_a_new_box_and_checked_before_it_serves(
    ready: Box, tmp_path: Path
) -> None:
    ready.run("backup", tmp_path / "backups")
    [made] = (tmp_path / "backups").iterdir()
    key = (ready.folder / "config/auth_server/secret_key").read_text()
    shutil.rmtree(ready.folder / "config")
    (ready.folder / ".env").unlink()
    done = ready.run("restore", made)

    assert done.returncode == 0, done.stderr
    assert (ready.folder / "config/auth_server/secret_key").read_text() == key
    asked = ready.asked()
    order = [
        "pg_restore",
        "migrate",
        "backup-verify",
        "stop auth-server",
        "force gatepost",
        "RENAME",
    ]
    places = [
        next(place for place, line in enumerate(asked) if re.search(f"{text}( |$)", line))
        for text in order
    ]
    assert places == sorted(places)
    assert "up --detach --wait" in asked[places[-1] :]
    assert (ready.folder / "config/postgres_password").read_text() not in "".join(asked)


@pytest.mark.parametrize("step", ["pg_restore", "gatepost auth-server migrate", "backup-verify"])
def test_a_backup_that_turns_out_to_be_damaged_costs_neither_the_database_nor_the_service(
    ready: Box, tmp_path: Path, step: str
) -> None:
    ready.run("backup", tmp_path / "backups")
    [made] = (tmp_path / "backups").iterdir()
    done = ready.run("restore", made, fail=step)

    assert done.returncode != 0
    asked = ready.asked()
    assert not [line for line in asked if "stop" in line or line.endswith("--force gatepost")]
    assert asked[-1].endswith("--force gatepost_restored")

    (made / "mcp-gateway.tar").write_bytes(b"half")
    cut = ready.run("restore", made)
    assert (cut.returncode, ready.asked()) == (1, [])
    assert "mcp-gateway.tar is damaged" in cut.stderr


def test_a_new_box_of_another_release_is_told_which_one_wrote_the_backup(
    ready: Box, tmp_path: Path
) -> None:
    ready.run("backup", tmp_path / "backups")
    [made] = (tmp_path / "backups").iterdir()
    (ready.folder / ".env").unlink()
    (ready.root / "pyproject.toml").write_text('version = "9.9.9"\n')
    done = ready.run("restore", made)

    assert (done.returncode, ready.asked()) == (1, [])
    assert "this is 9.9.9: git checkout v0." in done.stderr


def test_a_backup_that_would_fill_the_disk_is_not_begun(ready: Box, tmp_path: Path) -> None:
    """The copy that a back-up checks is as large as the database, on the same disk."""
    done = ready.run("backup", tmp_path / "backups", world={"SIZE": "4000000"})

    assert done.returncode == 1
    assert "make room" in done.stderr
    assert not [line for line in ready.asked() if "pg_dump" in line or "createdb" in line]
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_backup_whose_files_are_cut_short_by_a_full_disk_is_not_kept(
    ready: Box, tmp_path: Path
) -> None:
    done = ready.run("backup", tmp_path / "backups", world={"WRITTEN": "600"})

    assert done.returncode != 0
    assert list((tmp_path / "backups").iterdir()) == []


def test_what_a_killed_backup_left_is_removed_because_it_holds_secrets(
    ready: Box, tmp_path: Path
) -> None:
    (tmp_path / "backups/.20260101T000000Z").mkdir(parents=True)
    done = ready.run("backup", tmp_path / "backups")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "backups/.20260101T000000Z").exists()
    assert not [line for line in ready.asked() if line.startswith("exec -T auth-server")]


def test_an_upgrade_backs_up_migrates_and_replaces_one_process_after_the_other(
    released: Box,
) -> None:
    done = released.run("upgrade", "v0.2.0")

    assert done.returncode == 0, done.stderr
    assert released.asked() == [
        "backup",
        "--profile by-hand build --quiet",
        "run --rm -T --no-deps migration",
        "up --detach --no-deps --wait auth-server",
        "up --detach --no-deps --wait events-worker",
        "up --detach --no-deps --wait mcp-gateway",
        "run --rm -T smoke",
        "up --detach --wait",
    ]
    assert "GATEPOST_VERSION=0.2.0" in (released.folder / ".env").read_text()
    assert git(released.root, "describe", "--tags") == "v0.2.0"


@pytest.mark.parametrize(
    ("step", "rolled_back"),
    [
        ("backup", False),
        ("build", False),
        ("migration", True),
        ("wait mcp-gateway", True),
        ("smoke", True),
        ("up --detach --wait", True),
    ],
)
def test_an_upgrade_that_fails_leaves_the_former_version_running(
    released: Box, step: str, rolled_back: bool
) -> None:
    done = released.run("upgrade", "0.2.0", fail=step)
    asked = released.asked()

    assert done.returncode == 1
    assert "GATEPOST_VERSION=0.1.0" in (released.folder / ".env").read_text()
    assert git(released.root, "describe", "--tags") == "v0.1.0"
    last = ["up --detach --no-deps --wait mcp-gateway", "up --detach --wait"]
    assert (asked[-2:] == last) == rolled_back
    assert ("0.1.0 runs again" in done.stderr) == rolled_back


def digests(letter: str) -> list[str]:
    """What verified-images prints for a release."""
    return [f"{name}@sha256:{letter * 64}" for name in OURS]


def images(box: Box) -> set[str]:
    """The images of ours that a box runs."""
    return {one["image"] for name, one in compose(box).items() if name in OURS}


def test_a_box_that_pulls_runs_what_was_verified_and_goes_back_to_what_it_ran(
    released: Box,
) -> None:
    """A tag could have been given to another image since."""
    env = released.folder / ".env"
    env.write_text(f"{env.read_text()}GATEPOST_IMAGES=registry.example.com/gatepost\n")
    mode = env.stat().st_mode
    done = released.run("upgrade", "0.2.0", *digests("a"))
    verified = images(released)
    pulled = released.asked()[1]
    git(released.root, "checkout", "--quiet", "v0.1.0")
    failed = released.run("upgrade", "0.2.0", *digests("b"), fail="smoke")

    assert (done.returncode, done.stderr[-11:], failed.returncode) == (0, "0.2.0 runs\n", 1)
    assert pulled == "--profile by-hand pull --quiet"
    assert verified == images(released)
    assert verified == {
        f"registry.example.com/gatepost/{name}:0.2.0@sha256:{'a' * 64}" for name in OURS
    }
    assert env.stat().st_mode == mode


@pytest.mark.parametrize(
    "given",
    [
        [],
        digests("a")[1:],
        ["auth-server@latest", *digests("a")[1:]],
        [*digests("a"), "x@sha256:1"],
    ],
    ids=["no digest", "one missing", "a tag", "one too many"],
)
def test_a_box_that_pulls_runs_no_image_by_its_tag(released: Box, given: list[str]) -> None:
    env = released.folder / ".env"
    env.write_text(f"{env.read_text()}GATEPOST_IMAGES=registry.example.com/gatepost\n")
    done = released.run("upgrade", "0.2.0", *given)

    assert (done.returncode, released.asked()) == (1, [])
    assert "deploy/docker/verified-images" in done.stderr


def test_an_upgrade_over_changed_files_is_refused(released: Box) -> None:
    (released.folder / "Caddyfile").write_text("mine")
    done = released.run("upgrade", "0.2.0")

    assert (done.returncode, released.asked()) == (1, [])
    assert "files of the repository are changed" in done.stderr


def test_an_upgrade_goes_on_when_the_terminal_goes_away_and_goes_back_when_it_is_interrupted(
    released: Box,
) -> None:
    """A process that writes to a terminal that is gone ends, so nothing may write to it."""
    script = released.root.parent / "docker"
    signal = 'case "$*" in *"--wait auth-server") kill -"$SIGNAL" "$PPID" ;; esac\necho done >&2\n'
    script.write_text(STAND_IN + signal)
    released.calls.write_text("")
    path = f"{script.parent}:{os.environ['PATH']}"
    world = {**os.environ, "PATH": path, "CALLS": str(released.calls), "FAIL": ""}
    command = [str(released.folder / "upgrade"), "0.2.0"]
    env = released.folder / ".env"
    lost = subprocess.Popen(
        command, env={**world, "SIGNAL": "HUP"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert lost.stderr is not None
    lost.stderr.close()

    assert lost.wait(60) == 0
    assert "GATEPOST_VERSION=0.2.0" in env.read_text()

    git(released.root, "checkout", "--quiet", "v0.1.0")
    env.write_text(env.read_text().replace("0.2.0", "0.1.0"))
    stopped = subprocess.run(
        command, env={**world, "SIGNAL": "TERM"}, capture_output=True, text=True, check=False
    )
    assert stopped.returncode != 0
    assert "0.1.0 runs again" in stopped.stderr
    assert "GATEPOST_VERSION=0.1.0" in env.read_text()
    said = (released.folder / "upgrade.log").read_text()
    assert said.index("0.2.0 runs") < said.index("0.1.0 runs again")


def test_an_operator_gets_a_mail_when_a_nightly_backup_fails(ready: Box) -> None:
    journal = ready.root.parent / "journalctl"
    journal.write_text(
        '#!/bin/sh\n[ "$1" = _SYSTEMD_UNIT=gatepost-backup.service ] && echo no room\n'
    )
    journal.chmod(0o755)
    untold = ready.run("tell", "gatepost-backup.service")
    env = ready.folder / ".env"
    env.write_text(f"{env.read_text()}ALERT_EMAIL=ops@example.com\n")
    told = ready.run("tell", "gatepost-backup.service")

    assert (untold.returncode, "no ALERT_EMAIL" in untold.stderr) == (1, True)
    assert told.returncode == 0
    [command] = ready.asked()
    begin, _, what = command.partition(" mail alert ")
    assert begin == "run --rm -T --no-deps migration gatepost auth-server"
    assert re.fullmatch(r"ops@example.com gatepost-backup.service failed on \S+: no room", what)
    unit = (BOX / "gatepost-backup.service").read_text()
    assert "OnFailure=gatepost-failed@%n.service" in unit
    assert "/one-box/tell %i" in (BOX / "gatepost-failed@.service").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in BOX.glob("gatepost-*"):
        text = unit.read_text()
        assert "/opt/gatepost/deploy/one-box" in text or unit.suffix == ".timer"
        # Neither docker nor the repository is where the units expect them.
        text = text.replace("/opt/gatepost/deploy/one-box", str(BOX)).replace("docker.service", "")
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / "gatepost-backup.timer")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


LOCALLY = """#!/usr/bin/env bash
# Stands for `docker`: runs what the containers of PostgreSQL and of the migration would run.
case " $* " in
  *" exec -T postgres df "*) df --output=avail / ;;
  *" exec -T postgres "*) PGHOST=127.0.0.1 exec "${@:5}" ;;
  *" migration gatepost "*)
    export GATEPOST_AUTH_DATABASE_URL=${GATEPOST_AUTH_DATABASE_URL//@postgres\\//@127.0.0.1:$PGPORT/}
    exec "${@:9}" --config config/gatepost.yaml ;;
  *"-cf - ."*) exec tar -C "$STATE" -cf - . ;;
  *"-xf -"*) exec tar -C "$STATE" -xf - ;;
esac
"""


def test_a_tenant_that_was_lost_is_back_after_a_restore_into_postgresql(
    ready: Box, tmp_path: Path, postgres: PostgresServer
) -> None:
    (ready.root.parent / "docker").write_text(LOCALLY)
    key = tmp_path / "state/assertion-key.pem"
    key.parent.mkdir()
    key.write_text("the key")
    config = ready.folder / "config/gatepost.yaml"
    heads = str(key.parent / "audit-heads")
    config.write_text(config.read_text().replace("/var/lib/gatepost/audit-heads", heads))
    path = f"{ready.root.parent}:{PROGRAMS}:{os.environ['PATH']}"
    world = {"STATE": str(key.parent), "PGPORT": str(postgres.port), "PATH": path}
    url = f"postgresql+psycopg://gatepost@127.0.0.1:{postgres.port}/gatepost"

    with postgres.connect() as connection:
        connection.execute("CREATE DATABASE gatepost")
    migrate(url)
    added = subprocess.run(
        [
            PROGRAMS / "gatepost",
            *["auth-server", "tenants", "add", "org_acme", "--name", "Acme", "--config"],
            config,
        ],
        env={**os.environ, "GATEPOST_AUTH_DATABASE_URL": url},
        check=False,
    )
    assert added.returncode == 0
    made = ready.run("backup", tmp_path / "backups", world=world)
    assert made.returncode == 0, made.stderr
    with postgres.connect("gatepost") as connection:
        connection.execute("UPDATE tenants SET name = 'Lost'")
    key.write_text("another key")

    [backup] = (tmp_path / "backups").iterdir()
    done = ready.run("restore", backup, world=world)

    assert done.returncode == 0, done.stderr
    with postgres.connect("gatepost") as connection:
        assert connection.execute("SELECT name FROM tenants").fetchall() == [("Acme",)]
    assert key.read_text() == "the key"
    with postgres.connect() as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'gatepost%'")
        assert {"gatepost_verify", "gatepost_restored"}.isdisjoint(name for (name,) in rows)
        connection.execute("DROP DATABASE gatepost WITH (FORCE)")
