"""`gatepost doctor` finds no fault in this product, and names faults that a test causes."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from sqlalchemy import func, select

from auth_server.db.engine import open_database
from auth_server.records.clients.table import Client
from auth_server.settings import ResourceSettings
from gatepost_cli.doctor.clients import CLIENTS, KnownClient
from gatepost_cli.doctor.command import diagnose, doctor, write_line
from gatepost_cli.doctor.deployment import Seen
from gatepost_cli.doctor.examine import Verdict
from gatepost_cli.doctor.organisation_sign_in import (
    GRANT_PROFILE,
    JWT_BEARER,
    OrganisationSignIn,
    examine_organisation_sign_in,
)
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer, running_auth_server
from support.in_process.between import Between, Change, answering, without
from support.in_process.clock import Clock
from support.in_process.gateway import a_world
from support.in_process.oauth_client import OAuthClient
from support.in_process.providers import SigningKey
from support.processes.deployment import Deployment
from support.processes.services import free_port

METADATA = f"{ISSUER}/.well-known/oauth-authorization-server"
RESOURCE_METADATA = "http://127.0.0.1:8401/.well-known/oauth-protected-resource/mcp"


@dataclass
class Patient:
    """A deployment in process, and what the doctor says about it."""

    auth_server: AuthServer
    gateway: httpx2.AsyncClient
    breakages: dict[str, Change] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)
    left_behind: int = 0

    async def examine(self, issuer: str = ISSUER, resource: str | None = RESOURCE) -> list[Verdict]:
        """Let the doctor look."""

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)
            self.auth_server.clock.advance(seconds=seconds)

        mounts = {
            "all://127.0.0.1:8400": Between(self.auth_server.http._transport, self.breakages),
            "all://127.0.0.1:8401": Between(self.gateway._transport, self.breakages),
        }
        async with httpx2.AsyncClient(mounts=mounts) as http:
            verdicts, self.left_behind = await diagnose(http, issuer, resource, sleep=sleep)
        return verdicts

    async def clients(self) -> int:
        """Count the clients that the server would still let in."""
        database = open_database(self.auth_server.database_url)
        async with database.reading() as db:
            query = (
                select(func.count())
                .select_from(Client)
                .where(
                    Client.disabled_at.is_(None)  # type: ignore[union-attr]
                )
            )
            count = (await db.execute(query)).scalar_one()
        await database.engine.dispose()
        return count


@asynccontextmanager
async def a_patient(folder: Path, seeded: Path, **changes: Any) -> AsyncIterator[Patient]:
    """Run both services in process; a keyword changes a setting of the authorization server."""
    shutil.copy(seeded, folder / "gatepost.db")
    url = f"sqlite+aiosqlite:///{folder / 'gatepost.db'}"
    async with (
        running_auth_server(url, Clock(), **changes) as auth_server,
        a_world(folder) as world,
    ):
        yield Patient(auth_server, world.http)


@pytest.fixture
async def patient(tmp_path: Path, seeded_sqlite: Path) -> AsyncIterator[Patient]:
    """Both services, as they are."""
    async with a_patient(tmp_path, seeded_sqlite) as patient:
        yield patient


def failing(verdicts: list[Verdict]) -> dict[str, str]:
    """Return the line of each client that can't connect."""
    return {v.client.name: write_line(v) for v in verdicts if v.problems}


@pytest.mark.parametrize("resource", [RESOURCE, f"{RESOURCE}/o/org_acme"])
async def test_every_known_client_could_connect_and_nothing_is_left_behind(
    patient: Patient, resource: str
) -> None:
    before = await patient.clients()

    verdicts = await patient.examine(resource=resource)

    assert failing(verdicts) == {}
    assert [verdict.client.name for verdict in verdicts] == [client.name for client in CLIENTS]
    assert {v.client.name for v in verdicts if "document" in v.way} == {
        *("VS Code", "Claude Code", "Claude Desktop", "opencode")
    }
    assert patient.left_behind == 0
    assert await patient.clients() == before


@pytest.mark.parametrize("known", CLIENTS, ids=lambda known: known.name)
async def test_a_person_connects_each_known_client(
    auth_server: AuthServer, known: KnownClient
) -> None:
    """Its own registration and its own redirect URI, all the way to a token and a refresh."""
    body = (await auth_server.http.post("/register", json=dict(known.registration))).json()
    client = OAuthClient(
        auth_server.http,
        auth_server.issuer,
        auth_server.resource,
        body["client_id"],
        redirect_uri=known.callback,
    )
    offline = {"prompt": "consent", "scope": "mcp:read offline_access"} if known.offline else {}
    callback = await auth_server.person().approve(client.authorize_url(**offline))
    secret = {"client_secret": body.get("client_secret")}
    if body["token_endpoint_auth_method"] == "client_secret_basic":
        answer = await auth_server.http.post(
            "/token",
            # The Python SDK names itself in the body too.
            data={
                "client_id": client.client_id,
                "grant_type": "authorization_code",
                "code": httpx2.URL(callback).params["code"],
                "redirect_uri": known.callback,
                "code_verifier": client.verifier,
                "resource": auth_server.resource,
            },
            auth=(client.client_id, body["client_secret"]),
        )
    else:
        answer = await client.redeem(httpx2.URL(callback).params["code"], **secret)

    assert callback.startswith(known.callback)
    assert answer.status_code == 200, answer.text
    assert ("refresh_token" in answer.json()) is ("refresh_token" in body["grant_types"])


async def test_with_registration_off_those_with_a_document_still_connect(
    tmp_path: Path, seeded_sqlite: Path
) -> None:
    async with a_patient(tmp_path, seeded_sqlite, registration="off") as patient:
        lines = failing(await patient.examine())

    assert lines.keys() == {
        *("ChatGPT", "Cursor", "MCP Inspector", "mcp-remote", "Python SDK", "TypeScript SDK")
    }
    assert all("no registration_endpoint" in line for line in lines.values())


async def test_a_limit_on_registrations_is_met_by_changing_the_last_one(
    tmp_path: Path, seeded_sqlite: Path
) -> None:
    limit = {"registrations_per_minute": 5, "registrations_per_day": 50}
    async with a_patient(tmp_path, seeded_sqlite, **limit) as patient:
        before = await patient.clients()
        lines = failing(await patient.examine())
        after = await patient.clients()

    assert (lines, patient.waited, after - before) == ({}, [], 0)


async def test_a_refusal_is_explained_even_at_the_limit(
    tmp_path: Path, seeded_sqlite: Path
) -> None:
    limit = {"registrations_per_minute": 1, "private_use_schemes": ("vscode",)}
    async with a_patient(tmp_path, seeded_sqlite, **limit) as patient:
        lines = failing(await patient.examine())

    assert lines.keys() == {"Cursor"}
    assert "invalid_redirect_uri" in lines["Cursor"]
    assert patient.waited == []


async def test_a_limit_is_waited_for_where_registrations_can_t_be_changed(
    tmp_path: Path, seeded_sqlite: Path
) -> None:
    limit = {"registrations_per_minute": 5, "registrations_per_day": 50}
    async with a_patient(tmp_path, seeded_sqlite, **limit) as patient:
        patient.breakages[f"{ISSUER}/register"] = answering(registration_access_token=...)
        lines = failing(await patient.examine())

    assert (lines, patient.waited) == ({}, [60])
    assert patient.left_behind == len(CLIENTS)


async def test_an_unlisted_scheme_affects_only_its_client(
    tmp_path: Path, seeded_sqlite: Path
) -> None:
    async with a_patient(tmp_path, seeded_sqlite, private_use_schemes=("vscode",)) as patient:
        lines = failing(await patient.examine())

    assert lines.keys() == {"Cursor"}
    assert "invalid_redirect_uri" in lines["Cursor"]


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        (f"{ISSUER}/", "byte for byte"),
        ("http://127.0.0.1:8400/tenants/one", "no metadata document"),
    ],
)
async def test_an_issuer_that_is_nearly_right_is_wrong_for_everybody(
    patient: Patient, issuer: str, words: str
) -> None:
    lines = failing(await patient.examine(issuer=issuer))

    assert len(lines) == len(CLIENTS)
    assert all(words in line for line in lines.values())


@pytest.mark.parametrize(
    ("place", "change", "words"),
    [
        (METADATA, answering(issuer=f"{ISSUER}/"), "byte for byte"),
        (METADATA, answering(code_challenge_methods_supported=...), "S256"),
        (METADATA, answering(authorization_endpoint="http://id.example/authorize"), "loopback"),
        (METADATA, lambda _: httpx2.Response(200, content="<html>"), "not with a JSON object"),
        (METADATA, lambda _: httpx2.Response(500), "answers 500"),
        (RESOURCE_METADATA, answering(resource="http://localhost:8401/mcp"), "byte for byte"),
        (RESOURCE_METADATA, answering(authorization_servers=[f"{ISSUER}/"]), "does not list"),
        (RESOURCE, without("www-authenticate"), "no WWW-Authenticate"),
        (RESOURCE, lambda _: httpx2.Response(200), "without a token"),
        (
            f"{ISSUER}/register",
            answering(token_endpoint_auth_method="client_secret_post"),
            "the client authenticates with none",
        ),
        (f"{ISSUER}/register", lambda _: httpx2.Response(403), "registration is refused"),
        (f"{ISSUER}/authorize", lambda _: httpx2.Response(400), "authorization of"),
        (
            f"{ISSUER}/authorize",
            lambda _: httpx2.Response(
                302,
                headers={"location": "https://claude.ai/api/mcp/auth_callback?error=invalid_scope"},
            ),
            "invalid_scope",
        ),
    ],
    ids=[
        *("issuer", "no S256", "plain http", "html", "a fault", "resource", "another server"),
        *("no challenge", "open to all", "a secret", "no registration", "an error page"),
        "sent back with an error",
    ],
)
async def test_a_fault_is_named_on_the_line_of_the_affected_client(
    patient: Patient, place: str, change: Change, words: str
) -> None:
    patient.breakages[place] = change

    lines = failing(await patient.examine())

    assert words in lines["Claude Desktop"]


async def test_a_refusal_is_named_also_where_it_waits_for_a_click(
    tmp_path: Path, seeded_sqlite: Path
) -> None:
    other = ResourceSettings(resource=RESOURCE, scopes=("tasks",), default_scopes=("tasks",))
    async with a_patient(tmp_path, seeded_sqlite, resources=(other,)) as patient:
        lines = failing(await patient.examine())

    assert len(lines) == len(CLIENTS)
    assert all(
        "refused: invalid_scope this resource has the scopes tasks" in x for x in lines.values()
    )


async def test_a_missing_cors_header_affects_only_the_client_in_the_browser(
    patient: Patient,
) -> None:
    patient.breakages[METADATA] = without("access-control-allow-origin")

    lines = failing(await patient.examine())

    assert lines.keys() == {"MCP Inspector"}
    assert METADATA in lines["MCP Inspector"]


async def test_without_none_among_the_methods_a_document_is_of_no_use(
    tmp_path: Path, seeded_sqlite: Path
) -> None:
    async with a_patient(tmp_path, seeded_sqlite, registration="off") as patient:
        only = ["client_secret_basic"]
        patient.breakages[METADATA] = answering(token_endpoint_auth_methods_supported=only)
        lines = failing(await patient.examine())

    assert "lists none" in lines["Claude Code"]


def test_the_command_prints_a_line_for_each_client(on_sqlite: Deployment) -> None:
    ended = CliRunner().invoke(doctor, [on_sqlite.issuer, "--resource", on_sqlite.resource])

    lines = ended.stdout.splitlines()
    assert ended.exit_code == 0, ended.output
    assert [line.split("  ")[0] for line in lines] == ["ok"] * len(CLIENTS)


def test_the_command_fails_where_nothing_answers() -> None:
    ended = CliRunner().invoke(doctor, [f"http://127.0.0.1:{free_port()}"])

    lines = ended.stdout.splitlines()
    assert ended.exit_code == 1
    assert [line.split("  ")[0] for line in lines] == ["fails"] * len(CLIENTS)


def test_the_command_asks_for_a_url() -> None:
    ended = CliRunner().invoke(doctor, ["id.example.com"])

    assert ended.exit_code == 2
    assert "ISSUER" in ended.stderr


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({}, ""),
        ({"aud": "https://other.example"}, "aud of the provider's assertion is"),
        ({"client_id": "0oa1"}, "client_id of the provider's assertion is '0oa1'"),
        ({"resource": None}, "resource of the provider's assertion is None"),
        ({"iss": "https://id.example/"}, "iss of the provider's assertion is"),
    ],
)
async def test_an_app_with_sso_says_what_the_provider_must_be_configured_for(
    claims: dict[str, Any], problem: str
) -> None:
    """The provider and the deployment are answered by hand: the whole flow is another journey."""
    right = {"aud": ISSUER, "client_id": "app", "resource": RESOURCE, "iss": "https://id.example"}
    assertion = SigningKey("k").sign({**right, **claims}, typ="oauth-id-jag+jwt")
    sent: list[dict[str, list[str]]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/.well-known/openid-configuration":
            return httpx2.Response(
                200,
                json={"issuer": "https://id.example", "token_endpoint": "https://id.example/token"},
            )
        if request.url.host == "id.example":
            return httpx2.Response(200, json={"access_token": assertion})
        if request.url.path == "/token":
            sent.append(parse_qs(request.content.decode()))
            used = {"error": "invalid_grant"} if len(sent) > 1 else {"access_token": "t"}
            return httpx2.Response(400 if len(sent) > 1 else 200, json=used)
        return httpx2.Response(200)

    metadata = {
        "grant_types_supported": [JWT_BEARER],
        "authorization_grant_profiles_supported": [GRANT_PROFILE],
        "token_endpoint": f"{ISSUER}/token",
    }
    seen = Seen(issuer=ISSUER, metadata=metadata, resource=RESOURCE)
    sign_in = OrganisationSignIn(
        provider="https://id.example",
        provider_client_id="claude",
        provider_client_secret=SecretStr("s"),
        id_token=SecretStr("i"),
        client_id="app",
    )
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        verdict = await examine_organisation_sign_in(sign_in, seen, http)
        without = await examine_organisation_sign_in(sign_in, Seen(ISSUER, {"a": 1}), http)

    assert "\n".join(verdict.problems).startswith(problem) and bool(verdict.problems) == bool(
        problem
    )
    assert [one["client_id"] for one in sent] == ([] if problem else [["app"], ["app"]])
    assert len(without.problems) == 3
