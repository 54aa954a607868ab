"""Every command that lists something has `--json`, which prints one JSON object a line."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from auth_server.administration.people import PersonView
from gatepost_cli.main import main
from support.in_process.auth_server import RESOURCE, SECRET_KEY
from support.processes.configuration import issuing, write_config

HIDDEN = ("secret_hash", "token_hash", "key_hash", "password_hash")
OWN = "--tenant org_acme --scope mcp:read --tool list_tasks"
MADE = [
    "auth-server admin-tokens create --label ci --scope tenants:read",
    f"auth-server api-keys create --label ci --person usr_ada {OWN}",
    f"auth-server clients add ci --name Reports --auth-method client_secret_post {OWN}",
    "auth-server memberships invite di@acme.example org_acme",
    "auth-server webhooks add https://hooks.acme.example/ --tenant org_acme",
]
IN_OTHER_WORDS = (
    "auth-server tenants directory",
    "billing simulate",
    "tools tokens",
    "usage calls",
)
"""Commands that list something and don't begin their help with it."""
GATEWAY = ("mcp-gateway ", "tools ")
"""These read no database; the tests of the gateway's commands run them."""
DOCUMENTS = ("usage intent", "usage limits")
"""These print one document."""
FULL = {
    "auth-server admin-tokens list",
    "auth-server api-keys list",
    "auth-server audit list",
    "auth-server clients list",
    "auth-server mail list",
    "auth-server memberships invitations",
    "auth-server memberships list",
    "auth-server operators list",
    "auth-server people list",
    "auth-server tenants directory",
    "auth-server tenants list",
    "auth-server tenants service-clients",
    "auth-server webhooks deliveries",
    "auth-server webhooks list",
}
"""Those of which the database has a row."""


def find_listings() -> dict[str, click.Command]:
    """Find every command whose name or help says that it lists something."""

    def below(group: click.Group, words: str = "") -> Iterator[tuple[str, click.Command]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            command, path = group.get_command(context, name), f"{words} {name}".strip()
            if isinstance(command, click.Group):
                yield from below(command, path)
            elif command is not None and (
                name == "list" or path in IN_OTHER_WORDS or (command.help or "").startswith("List ")
            ):
                yield path, command

    assert isinstance(main, click.Group)
    return dict(below(main))


LISTINGS = find_listings()


def run(words: str, config: Path) -> str:
    """Run a command as an operator would, and return what it prints."""
    done = CliRunner().invoke(main, [*words.split(), "--config", str(config)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path) -> Path:
    """The configuration of a server whose database has something to list."""
    folder = tmp_path_factory.mktemp("listings")
    for kind in ("sk", "whsec"):
        (folder / kind).write_text(f"{kind}_test")
    shutil.copy(seeded_sqlite, folder / "gatepost.db")
    section = issuing(
        "http://127.0.0.1:8400",
        RESOURCE,
        database_url=f"sqlite+aiosqlite:///{folder / 'gatepost.db'}",
        stripe={"secret_key": {"file": "sk"}, "webhook_secrets": [{"file": "whsec"}]},
    )
    path = write_config(folder, secret=SECRET_KEY, auth_server=section)
    for command in MADE:
        run(command, path)
    run(f"auth-server webhooks test {find_endpoint(path)}", path)
    return path


def find_endpoint(config: Path) -> str:
    """Return the id of the only endpoint."""
    found: str = json.loads(run("auth-server webhooks list --json", config))["endpoint_id"]
    return found


def test_commands_that_list_in_other_words_still_exist() -> None:
    assert LISTINGS.keys() >= {*IN_OTHER_WORDS, *DOCUMENTS, *FULL}


@pytest.mark.parametrize("words", LISTINGS)
def test_every_listing_prints_json(words: str, request: pytest.FixtureRequest) -> None:
    command = LISTINGS[words]
    assert any("--json" in one.opts for one in command.params), f"add json_option to `{words}`"
    if words.startswith(GATEWAY):
        return
    config: Path = request.getfixturevalue("config")
    given = {"tenant_id": "org_acme", "endpoint_id": find_endpoint(config), "name": "--plan pro"}
    needed = [given[one.name or ""] for one in command.params if one.required]
    printed = run(" ".join([words, *needed, "--json"]), config)
    rows = [printed] if words in DOCUMENTS else printed.splitlines()

    assert all(isinstance(json.loads(row), dict | list) for row in rows)
    assert bool(rows) or words not in FULL
    assert not [name for name in HIDDEN if name in printed]


def test_a_row_is_what_the_admin_api_shows_with_times_in_utc(config: Path) -> None:
    rows = map(json.loads, run("auth-server people list --json", config).splitlines())
    person = next(row for row in rows if row["person_id"] == "usr_ada")
    assert person.keys() == PersonView.model_fields.keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", person["created_at"])


def test_a_listing_without_rows_prints_nothing_for_a_program(config: Path) -> None:
    words = ["auth-server", "grants", "list", "--config", str(config), "--json"]
    done = CliRunner().invoke(main, words)
    assert (done.stdout, done.stderr) == ("", "There are no such grants.\n")
