"""Redeeming a code: once, by its own client, for its own request."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from auth_server.records.clients.table import Client
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.tenants.table import Membership, Tenant
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import OAuthClient, answer_of

pytestmark = pytest.mark.both_databases


@dataclass
class Issued:
    """A client with an authorization code."""

    client: OAuthClient
    code: str

    async def redeem(self, **changes: str | None) -> httpx2.Response:
        """Redeem the code, with changed parameters."""
        return await self.client.redeem(self.code, **changes)


async def issue(server: AuthServer, client: OAuthClient | None = None, **choices: Any) -> Issued:
    """Let Ada approve a client."""
    client = client or await server.client()
    callback = await server.person().approve(client.authorize_url(**choices))
    return Issued(client, answer_of(callback)["code"])


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    """Read a refusal."""
    return answer.status_code, answer.json().get("error", "none")


async def test_a_code_gives_tokens_that_are_not_cached(auth_server: AuthServer) -> None:
    """RFC 6749 §5.1."""
    answer = await (await issue(auth_server)).redeem()

    assert answer.status_code == 200
    assert set(answer.json()) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "refresh_token",
    }
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert len(answer.json()["refresh_token"]) >= 43


async def test_fifty_redemptions_at_once_are_one_redemption_a25(auth_server: AuthServer) -> None:
    """A25: eight parallel redemptions of one code have given eight tokens elsewhere."""
    issued = await issue(auth_server)

    answers = await asyncio.gather(*(issued.redeem() for _ in range(50)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    assert {a.json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}


async def test_a_replayed_code_ends_the_tokens_of_the_first_redemption_a26(
    auth_server: AuthServer,
) -> None:
    """RFC 6749 §4.1.2, OAuth 2.1 §4.1.3. A26."""
    issued = await issue(auth_server)
    first = (await issued.redeem()).json()
    second = (await issued.client.refresh(first["refresh_token"])).json()

    replay = await issued.redeem()

    assert error_of(replay) == (400, "invalid_grant")
    for token in (first["refresh_token"], second["refresh_token"]):
        assert error_of(await issued.client.refresh(token)) == (400, "invalid_grant")


async def test_a_replay_after_the_code_has_expired_still_ends_its_tokens(
    auth_server: AuthServer,
) -> None:
    """A26: also for a code found in a log an hour later."""
    issued = await issue(auth_server)
    tokens = (await issued.redeem()).json()
    auth_server.clock.advance(hours=1)

    assert error_of(await issued.redeem()) == (400, "invalid_grant")
    assert error_of(await issued.client.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


async def test_another_clients_replay_ends_nothing_a27(auth_server: AuthServer) -> None:
    """A27: a stranger who knows a code can't end a person's connection."""
    issued = await issue(auth_server)
    tokens = (await issued.redeem()).json()
    stranger = await auth_server.client()

    stolen = await issued.redeem(client_id=stranger.client_id)

    assert error_of(stolen) == (400, "invalid_grant")
    assert (await issued.client.refresh(tokens["refresh_token"])).status_code == 200


async def test_another_client_cannot_use_a_code_nor_use_it_up_a28(auth_server: AuthServer) -> None:
    """A28; zitadel GHSA-xqxv-4jc2-x56x."""
    issued = await issue(auth_server)
    stranger = await auth_server.client()

    for verifier in (issued.client.verifier, "x" * 43):
        stolen = await issued.redeem(client_id=stranger.client_id, code_verifier=verifier)
        assert error_of(stolen) == (400, "invalid_grant")
    assert (await issued.redeem()).status_code == 200


async def test_a_refusal_does_not_say_whether_a_code_exists_a93(auth_server: AuthServer) -> None:
    """A93: another client's code and an unknown one get the same answer."""
    issued = await issue(auth_server)
    stranger = await auth_server.client()

    theirs = await issued.redeem(client_id=stranger.client_id)
    made_up = await stranger.redeem("made-up", code_verifier="x" * 43)

    assert theirs.content == made_up.content


async def test_a_wrong_verifier_uses_the_code_up_a24(auth_server: AuthServer) -> None:
    """RFC 7636 §4.6. A24: a verifier can't be guessed at."""
    issued = await issue(auth_server)

    wrong = await issued.redeem(code_verifier="x" * 64)
    right = await issued.redeem()

    assert error_of(wrong) == error_of(right) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("verifier", "error"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        ("x" * 42, "invalid_request"),
        ("x" * 129, "invalid_request"),
        ("x" * 43 + "\n", "invalid_request"),
        ("x" * 43 + "=", "invalid_request"),
        ("é" * 43, "invalid_request"),
        ("x y" * 20, "invalid_request"),
        ("x" * 43, "invalid_grant"),
        ("x" * 128, "invalid_grant"),
        ("-._~" * 20, "invalid_grant"),
    ],
)
async def test_a_verifier_is_43_to_128_unreserved_characters_a23(
    table_server: AuthServer, verifier: str | None, error: str
) -> None:
    """RFC 7636 §4.1. A20, A23."""
    issued = await issue(table_server)

    assert error_of(await issued.redeem(code_verifier=verifier)) == (400, error)


async def test_a_challenge_itself_is_not_a_verifier(auth_server: AuthServer) -> None:
    """A21: `plain` as the default of an omitted method."""
    import base64
    import hashlib

    issued = await issue(auth_server)
    digest = hashlib.sha256(issued.client.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    assert error_of(await issued.redeem(code_verifier=challenge)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "http://127.0.0.1:3999/other"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:4000/callback"}, "invalid_grant"),
        ({"redirect_uri": "https://evil.example/cb"}, "invalid_grant"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"resource": "http://127.0.0.1:8411/mcp"}, "invalid_target"),
        ({"resource": "http://127.0.0.1:8401/other"}, "invalid_target"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": None}, "invalid_request"),
    ],
)
async def test_a_mistake_that_a_client_can_correct_does_not_use_the_code_up_a29_a32_a131(
    table_server: AuthServer, changes: dict[str, str | None], error: str
) -> None:
    """RFC 6749 §4.1.3, RFC 8707 §2.2. A29, A32, A131."""
    issued = await issue(table_server)

    assert error_of(await issued.redeem(**changes)) == (400, error)
    assert (await issued.redeem()).status_code == 200


@pytest.mark.parametrize("redirect_uri", [None, ""])
async def test_a_client_of_oauth_2_1_need_not_repeat_its_address_but_must_prove_itself(
    table_server: AuthServer, redirect_uri: str | None
) -> None:
    issued, stolen = await issue(table_server), await issue(table_server)
    thief = await table_server.client()

    by_thief = await thief.redeem(
        stolen.code, redirect_uri=redirect_uri, code_verifier=stolen.client.verifier
    )
    guessed = await stolen.redeem(redirect_uri=redirect_uri, code_verifier="v" * 43)

    assert (await issued.redeem(redirect_uri=redirect_uri)).status_code == 200
    assert error_of(by_thief) == error_of(guessed) == (400, "invalid_grant")


async def test_a_code_is_valid_for_its_whole_minute_and_not_a_second_more_a30(
    auth_server: AuthServer,
) -> None:
    """A30."""
    in_time, late = await issue(auth_server), await issue(auth_server)
    auth_server.clock.advance(seconds=59)
    assert (await in_time.redeem()).status_code == 200
    auth_server.clock.advance(seconds=1)

    assert error_of(await late.redeem()) == (400, "invalid_grant")


@pytest.mark.parametrize("code", ["", "x", "x" * 10_000, "é", "a\nb", "%00", "0" * 64])
async def test_an_invented_code_is_refused(table_server: AuthServer, code: str) -> None:
    """A31, A156; the last looks like a stored hash."""
    client = await table_server.client()
    client.verifier = "x" * 43

    status, error = error_of(await client.redeem(code))

    assert (status, error) == (400, "invalid_grant" if code else "invalid_request")


async def test_a_code_is_random_and_long_a31(auth_server: AuthServer) -> None:
    """RFC 6749 §10.10, A31: 256 bits, none like another."""
    client, person = await auth_server.client(), auth_server.person()
    codes = {answer_of(await person.approve(client.authorize_url()))["code"] for _ in range(5)}

    assert len(codes) == 5
    assert all(len(code) >= 43 for code in codes)


GONE: dict[str, tuple[type, Any, dict[str, Any]]] = {
    "the person was disabled": (PersonRow, "usr_ada", {"disabled_at": ...}),
    "the person was deleted": (PersonRow, "usr_ada", {}),
    "the tenant was disabled": (Tenant, "org_acme", {"disabled_at": ...}),
    "the membership ended": (Membership, ("usr_ada", "org_acme"), {}),
    "the data scope has nothing left in common": (
        Membership,
        ("usr_ada", "org_acme"),
        {"data_scope": "team:sales"},
    ),
}


@pytest.mark.parametrize("gone", GONE)
async def test_no_token_is_issued_if_access_ended_between_approval_and_redemption_a33(
    auth_server: AuthServer, change_row: Any, gone: str
) -> None:
    """A33: everything is read again when the code is redeemed."""
    issued = await issue(auth_server)
    table, key, changes = GONE[gone]
    moment = {n: auth_server.clock() if v is ... else v for n, v in changes.items()}
    await change_row(auth_server, table, key, **moment)

    assert error_of(await issued.redeem()) == (400, "invalid_grant")


async def test_a_client_disabled_between_approval_and_redemption_is_refused_a33(
    auth_server: AuthServer, change_row: Any
) -> None:
    """A33."""
    issued = await issue(auth_server)
    await change_row(auth_server, Client, issued.client.client_id, disabled_at=auth_server.clock())

    assert error_of(await issued.redeem()) == (401, "invalid_client")


async def test_a_later_narrower_consent_narrows_a_code_from_before_a48(
    auth_server: AuthServer, read_token: Any
) -> None:
    """A48: the person's latest answer counts."""
    client = await auth_server.client()
    wide = await issue(auth_server, client)
    verifier = client.verifier
    await auth_server.person().approve(
        client.authorize_url(), untick=["create_task", "list_projects"]
    )

    tokens = (await wide.redeem(code_verifier=verifier)).json()

    claims = await read_token(auth_server, tokens["access_token"])
    assert claims["allowed_tools"] == ["list_tasks"]
    assert "mcp:write" not in claims["scope"]
