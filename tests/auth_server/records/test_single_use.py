"""What may be used once is used by one statement that says so, whatever was read before it.

Requests at once meet on PostgreSQL alone, since SQLite lets one writer in at a time. Two calls that both
saw the row unused do the same on either.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from auth_server.db.engine import DbSession
from auth_server.records.authorization_requests.store import finish_authorization_request
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.client_assertions.store import use_assertion
from auth_server.records.flow_states.store import use_flow_state
from auth_server.records.second_factors.store import (
    put_authenticator_app,
    put_recovery_codes,
    use_recovery_code,
    use_step,
)
from auth_server.records.second_factors.table import AuthenticatorApp
from auth_server.redemptions.facts import NewToken
from auth_server.redemptions.statements import redeem, rotate
from auth_server.secrets import hash_secret
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages

pytestmark = pytest.mark.both_databases

Use = Callable[[], Awaitable[bool]]


def in_transactions(server: AuthServer, use: Callable[[DbSession], Awaitable[bool]]) -> Use:
    """Make each use a transaction of its own."""

    async def once() -> bool:
        async with server.opened.transaction() as db:
            return await use(db)

    return once


def new_token(server: AuthServer, name: str) -> NewToken:
    """A refresh token to store."""
    until = server.clock() + timedelta(days=1)
    return NewToken(hash_secret(name), until, until)


async def code_of(server: AuthServer) -> str:
    """Approve an app; answers the hash of its code."""
    client = await server.client()
    url = await server.person().approve(client.authorize_url())
    return hash_secret(parse_qs(urlsplit(url).query)["code"][0])


async def code_alone(server: AuthServer) -> Use:
    """An authorization code of a client without refresh tokens."""
    code = await code_of(server)
    return lambda: redeem(server.opened.database.raw_sql, code, None, now=server.clock())


async def code_for_tokens(server: AuthServer) -> Use:
    """An authorization code."""
    code, names = await code_of(server), iter("abc")
    return lambda: redeem(
        server.opened.database.raw_sql,
        code,
        new_token(server, next(names)),
        now=server.clock(),
    )


async def refresh_token(server: AuthServer) -> Use:
    """The first use of a refresh token."""
    tokens = await connect_without_pages(server)
    token, names = hash_secret(tokens["refresh_token"]), iter("abc")
    return lambda: rotate(
        server.opened.database.raw_sql,
        token,
        new_token(server, next(names)),
        keep_until=server.clock(),
        now=server.clock(),
    )


async def code_of_an_app(server: AuthServer) -> Use:
    """A time step of an authenticator app."""
    app = AuthenticatorApp(
        person_id="usr_ada", sealed_secret=b"x", last_step=6, created_at=server.clock()
    )
    async with server.opened.transaction() as db:
        await put_authenticator_app(db, app)
    return in_transactions(server, lambda db: use_step(db, "usr_ada", 7))


async def recovery_code(server: AuthServer) -> Use:
    """A recovery code, beside another one."""
    async with server.opened.transaction() as db:
        await put_recovery_codes(db, "usr_ada", ["a" * 64, "b" * 64])
    return in_transactions(server, lambda db: use_recovery_code(db, "usr_ada", "a" * 64))


async def flow_state(server: AuthServer) -> Use:
    """The state of a sign-in that takes two requests."""
    until = server.clock() + timedelta(minutes=10)
    return in_transactions(server, lambda db: use_flow_state(db, "a" * 64, expires_at=until))


async def authorization_request(server: AuthServer) -> Use:
    """The answer to a consent page."""
    await server.person().open((await server.client()).authorize_url())
    async with server.opened.database.reading() as db:
        row = (await db.execute(select(AuthorizationRequest))).scalars().one()
    return in_transactions(
        server,
        lambda db: finish_authorization_request(
            db, row.transaction_id, "approved", now=server.clock()
        ),
    )


async def client_assertion(server: AuthServer) -> Use:
    """A client's signed assertion."""
    until = server.clock() + timedelta(minutes=1)
    return in_transactions(
        server, lambda db: use_assertion(db, "client_x", jti="jti-1", expires_at=until)
    )


@pytest.mark.parametrize(
    "prepare",
    [
        code_alone,
        code_for_tokens,
        refresh_token,
        code_of_an_app,
        recovery_code,
        flow_state,
        authorization_request,
        client_assertion,
    ],
)
async def test_the_second_of_two_uses_that_both_saw_it_unused_is_none(
    auth_server: AuthServer, prepare: Callable[[AuthServer], Awaitable[Use]]
) -> None:
    use = await prepare(auth_server)
    assert [await use() for _ in range(3)] == [True, False, False]
