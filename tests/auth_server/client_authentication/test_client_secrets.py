"""Client secrets: at most two at a time, each with its own lifetime."""

from datetime import timedelta

import pytest

from auth_server.records.clients.store import TooManySecrets, add_secret, drop_secrets
from auth_server.records.clients.table import ClientSecret
from auth_server.secrets import hash_secret
from support.in_process.auth_server import AuthServer


async def register(server: AuthServer) -> tuple[str, str]:
    """Register a confidential client; return its id and its secret."""
    document = {
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "client_secret_post",
    }
    body = (await server.http.post("/register", json=document)).json()
    return body["client_id"], body["client_secret"]


async def serves(server: AuthServer, client_id: str, secret: str) -> bool:
    """Tell whether a secret authenticates; the code with it is always invalid."""
    form = {
        "grant_type": "authorization_code",
        "code": "x",
        "code_verifier": "v" * 43,
        "client_id": client_id,
        "client_secret": secret,
    }
    error = (await server.http.post("/token", data=form)).json()["error"]
    assert error in {"invalid_client", "invalid_grant"}
    return bool(error == "invalid_grant")


async def give(
    server: AuthServer, client_id: str, secret: str, *, lasting: timedelta | None = None
) -> None:
    """Give a client one more secret."""
    now = server.clock()
    row = ClientSecret(
        client_id=client_id,
        secret_hash=hash_secret(secret),
        created_at=now,
        expires_at=None if lasting is None else now + lasting,
    )
    async with server.opened.database.writing() as db, db.begin():
        await add_secret(db, row)


@pytest.mark.both_databases
async def test_a_client_changes_its_secret_without_a_pause(auth_server: AuthServer) -> None:
    """Both are valid until the old one is dropped, and a third is refused."""
    client_id, old = await register(auth_server)
    second, third = "second" * 8, "third" * 8

    await give(auth_server, client_id, second)
    assert await serves(auth_server, client_id, old)
    assert await serves(auth_server, client_id, second)
    with pytest.raises(TooManySecrets):
        await give(auth_server, client_id, third)
    async with auth_server.opened.database.writing() as db, db.begin():
        assert await drop_secrets(db, client_id, beginning=hash_secret(old)[:12]) == 1

    assert not await serves(auth_server, client_id, old)
    assert not await serves(auth_server, client_id, third)
    assert await serves(auth_server, client_id, second)


async def test_a_secret_ends_when_its_time_is_up_and_makes_room(auth_server: AuthServer) -> None:
    """An operator may set an expiry."""
    client_id, _ = await register(auth_server)
    await give(auth_server, client_id, "short" * 8, lasting=timedelta(hours=1))

    assert await serves(auth_server, client_id, "short" * 8)
    auth_server.clock.advance(hours=1)
    assert not await serves(auth_server, client_id, "short" * 8)
    await give(auth_server, client_id, "other" * 8)


async def test_one_clients_secret_is_not_anothers(auth_server: AuthServer) -> None:
    """A88: the server only compares secrets of the named client."""
    _, secret = await register(auth_server)
    other_id, _ = await register(auth_server)

    assert not await serves(auth_server, other_id, secret)
