"""`gatepost auth-server migrate` and `seed`: an operator's commands and their output."""

import json
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from click.testing import CliRunner, Result

from auth_server.cli import auth_server as command
from auth_server.records.people.store import find_account, find_people
from auth_server.seed import read_seed, store_seed
from gatepost.network.serve import DrainingServer
from gatepost_cli.main import main
from support.in_process.auth_server import SEED, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient
from support.processes.configuration import issuing, write_config

PEOPLE = """
tenants:
  - {id: org_acme, name: Acme}
people:
  - id: usr_ada
    email: Ada@Acme.example
    name: Ada Marsh
    password: gatepost-demo
    memberships:
      - {tenant: org_acme, data_scope: "team:design"}
clients:
  - client_id: orbit-cli
    name: Orbit CLI
    redirect_uris: ["http://127.0.0.1/callback"]
"""


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of a database that does not exist yet."""
    return f"sqlite+aiosqlite:///{tmp_path / 'gatepost.db'}"


def run(tmp_path: Path, database: str, *arguments: str) -> Result:
    """Run the command as an operator would."""
    section = issuing("http://127.0.0.1:8400", "http://127.0.0.1:8401/mcp", database_url=database)
    config = write_config(tmp_path, auth_server=section)
    name, *rest = arguments
    return CliRunner().invoke(command, [name, "--config", str(config), *rest])


def seed(tmp_path: Path, database: str, text: str, name: str = "seed.yaml") -> Result:
    """Write a seed file and load it."""
    file = tmp_path / name
    file.write_text(text)
    return run(tmp_path, database, "seed", str(file))


async def connect_ada(database: str) -> dict[str, Any]:
    """Let Ada connect the seeded client."""
    async with running_auth_server(database, Clock()) as server:
        client = OAuthClient(server.http, server.issuer, server.resource, "orbit-cli")
        client.redirect_uri = "http://127.0.0.1:5000/callback"
        return await connect_without_pages(server, client)


def test_a_seeded_person_can_connect(tmp_path: Path, database: str) -> None:
    """From an empty disk with one command to a connection."""
    import asyncio

    result = seed(tmp_path, database, PEOPLE)

    assert (result.exit_code, result.output.strip()) == (
        0,
        "1 tenant, 1 person, 1 managed client",
    )
    assert asyncio.run(connect_ada(database))["token_type"] == "Bearer"


def test_a_seed_may_be_json_and_may_be_loaded_again(tmp_path: Path, database: str) -> None:
    """A second run updates the records."""
    for _ in range(2):
        result = seed(tmp_path, database, json.dumps(SEED), "seed.json")
        assert (result.exit_code, result.output.strip()) == (
            0,
            "2 tenants, 4 people, 1 managed client",
        )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("tenants: [", "seed.yaml"),
        ("tenant: [{id: x}]", "tenant"),
        ("tenants: [{name: Acme}]", "tenants.0.id"),
        ("tenants: [{id: '', name: Acme}]", "tenants.0.id"),
        (PEOPLE.replace("Ada@Acme.example", "nobody"), "people.0.email"),
        (PEOPLE.replace("    password: gatepost-demo\n", ""), "people.0.password"),
        (PEOPLE.replace("team:design", "design"), "people.0.memberships.0.data_scope"),
        (PEOPLE.replace("tenant: org_acme", "tenant: org_none"), "org_none"),
        (PEOPLE.replace('["http://127.0.0.1/callback"]', "[]"), "redirect_uris"),
        (PEOPLE + "    scope: x\n", "clients.0.scope"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_place(
    tmp_path: Path, database: str, text: str, named: str
) -> None:
    """The operator reads a message without a traceback, and nothing is stored."""
    result = seed(tmp_path, database, text)

    assert result.exit_code == 1
    assert named in result.output
    assert "seed.yaml" in result.output
    assert "gatepost-demo" not in result.output
    assert not Path(database.partition(":///")[2]).exists()


def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The same words as at the start of the service."""
    config = write_config(tmp_path, auth_server={"issuer": "http://id.example"})

    result = CliRunner().invoke(command, ["migrate", "--config", str(config)])

    assert result.exit_code == 1
    for field in ("issuer", "secret_key", "resources"):
        assert field in result.output


def test_migrate_makes_the_database_and_can_be_run_again(tmp_path: Path, database: str) -> None:
    """Before the first start, or after an upgrade."""
    for _ in range(2):
        assert run(tmp_path, database, "migrate").exit_code == 0
    assert Path(database.partition(":///")[2]).stat().st_size > 0


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("tenant: []", "tenant: is not a key here; did you mean tenants?"),
        ("tenants: [{id: a, nam: A}]", "tenants.0.nam: is not a key here; did you mean name?"),
        ("tenants: [{id: a}]", "tenants.0.name: is required"),
        ("people: ada", "people: must be a list"),
        ("people: [ada]", "people.0: must be a mapping"),
        (
            "people: [{id: 7, email: a@b.c, name: A, password: s3cret}]",
            "people.0.id: must be text; write it in quotes",
        ),
        ("people: [{id: a, email: a, name: A, password: s3cret}]", "must be an e-mail address"),
        (
            "people: [{id: a, email: a@b.c, name: A, password: s3cret}]",
            "people.0.password: must have at least 8 characters",
        ),
        ("clients: [{client_id: a, name: A, secret: s3cret}]", "must have at least 32 characters"),
        ("tenants: [{id: a, name: A, required_level: 3}]", "required_level: must be 1 or 2"),
        ("tenants: [{id: a/b, name: A}]", "tenants.0.id: must not contain /"),
    ],
)
def test_a_mistake_in_a_seed_is_explained_with_the_fix(
    tmp_path: Path, database: str, text: str, advice: str
) -> None:
    result = seed(tmp_path, database, text)
    assert result.exit_code == 1
    assert advice in result.output
    assert "s3cret" not in result.output
    assert "Input should" not in result.output


async def test_seeding_again_keeps_what_people_did_themselves(sqlite_server: AuthServer) -> None:
    """The language, the verified address and a disabled account are not in the file."""
    opened, now = sqlite_server.opened, sqlite_server.clock()
    async with opened.transaction() as db:
        for person_id in ("usr_ada", "usr_bo"):
            person = await find_account(db, person_id=person_id)
            assert person is not None
            person.language, person.email_verified_at, person.disabled_at = "de", now, now
    moved = json.loads(json.dumps(SEED).replace("bo@globex.example", "bo@new.example"))
    async with opened.transaction() as db:
        await store_seed(db, read_seed(moved), now=now)
    async with opened.database.reading() as db:
        people = await find_people(db, ["usr_ada", "usr_bo"])
    kept = {
        person_id: (person.language, person.email_verified_at, person.disabled_at)
        for person_id, person in people.items()
    }
    # A new address is not verified.
    assert kept == {"usr_ada": ("de", now, now), "usr_bo": ("de", None, now)}


def test_serving_without_migrating_starts_only_on_a_migrated_database(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A one-shot task migrates, and the servers' tasks may not."""
    started: list[bool] = []

    def run_server(self: DrainingServer, sockets: list[socket]) -> None:
        for one in sockets:
            one.close()
        self.started = True
        started.append(True)

    monkeypatch.setattr(DrainingServer, "run", run_server)
    serve = ("serve", "--port", "0", "--no-migrate")

    refused = run(tmp_path, database, *serve)
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: The database has an empty schema")
    assert len(refused.output.splitlines()) == 1
    assert not started

    assert run(tmp_path, database, "migrate").exit_code == 0
    result = run(tmp_path, database, *serve)
    assert (result.exit_code, started) == (0, [True]), result.output


def test_a_seeded_domain_is_verified_for_one_tenant(tmp_path: Path, database: str) -> None:
    acme = "tenants: [{id: org_acme, name: Acme, verified_domains: [acme.example]}]"
    for _ in range(2):  # a file can be stored again
        assert seed(tmp_path, database, acme).exit_code == 0
    config = str(tmp_path / "gatepost.yaml")
    listed = CliRunner().invoke(command, ["tenants", "domains", "--config", config, "org_acme"])
    assert listed.output.strip() == "acme.example  verified"
    globex = acme.replace("org_acme", "org_globex")
    refused = seed(tmp_path, database, globex)
    assert refused.exit_code == 1 and "verified domain of another tenant" in refused.output
    wrong = seed(tmp_path, database, acme.replace("acme.example", "acme"))
    assert wrong.exit_code == 1 and "verified_domains" in wrong.output


@pytest.mark.parametrize(
    "words",
    [
        "auth-server serve --no-migrate",
        "auth-server migrate",
        "auth-server tenants list",
        "usage books",
    ],
)
def test_an_operator_whose_database_is_down_reads_one_sentence_without_the_password(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv(
            "GATEPOST_AUTH_DATABASE_URL",
            f"postgresql+psycopg://gatepost:pa55word@{address}/gatepost",
        )
        monkeypatch.setenv("GATEPOST_AUTH_SECRET_KEY", "5ee0" * 16)
        monkeypatch.setenv("GATEPOST_AUTH_ISSUER", "http://127.0.0.1:8400")
        monkeypatch.setenv("GATEPOST_AUTH_RESOURCES", '[{"resource": "http://127.0.0.1:8401/mcp"}]')
        done = CliRunner().invoke(main, words.split())

    assert done.exit_code == 1
    [line] = [line for line in done.output.splitlines() if not line.startswith("{")]
    assert line.startswith("Error: the database that database_url names can't be used: ")
    assert "127.0.0.1" in line
    assert "pa55word" not in done.output
