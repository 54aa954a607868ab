"""Messages arrive at least once under one id, and no endpoint harms another owner's."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from auth_server.notices.run import follow
from auth_server.outbound.guarded_post import Answered, GuardedPost
from auth_server.records.webhooks.table import WebhookDelivery
from auth_server.runtime import open_webhooks
from auth_server.webhooks.manage import (
    Delivery,
    enable_endpoint,
    find_owned,
    list_deliveries,
    resend_delivery,
    roll_secret,
    send_test,
)
from auth_server.webhooks.send import AT_ONCE_FOR_AN_OWNER, DISABLED_AFTER, LEASE, RETRIES
from auth_server.webhooks.urls import UnusableEndpoint
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.receiver import Network, Receiver, add_hook, send_all


async def queue_test(server: AuthServer, owner: str | None = "org_acme") -> str:
    """Queue a test message for the endpoint of that owner."""
    name = "endpoint_1" if owner == "org_acme" else "endpoint_op"
    async with server.opened.transaction() as db:
        new_secret = server.opened.new_secret
        return await send_test(db, owner, name, new_secret=new_secret, now=server.clock())


async def deliveries(server: AuthServer) -> list[Delivery]:
    """The deliveries to Acme's endpoint."""
    async with server.opened.database.reading() as db:
        return list(await list_deliveries(db, "org_acme", "endpoint_1"))


@pytest.mark.both_databases
async def test_a_failed_message_is_sent_again_under_the_same_id_until_it_arrives(
    server: AuthServer, acme: Receiver
) -> None:
    secret = await add_hook(server, acme.url())
    acme.answers = [(500, "oops\x00"), (503, "x" * 500), (302, ""), (200, "thanks")]
    await queue_test(server)
    await send_all(server)
    for pause in RETRIES[:3]:
        await send_all(server)
        [waiting] = await deliveries(server)
        assert waiting.next_attempt_at is not None
        assert pause <= waiting.next_attempt_at - server.clock() <= pause * 1.1
        server.clock.advance(seconds=pause.total_seconds() * 1.1)
        await send_all(server)

    assert len({one.message_id for one in acme.received}) == 1
    assert len({one.headers["webhook-signature"] for one in acme.received}) == 4
    acme.received[-1].verify(secret, at=server.clock())
    [delivered] = await deliveries(server)
    assert (delivered.state, delivered.attempts) == ("delivered", 4)
    assert (delivered.status_code, delivered.answer) == (200, "thanks")


async def test_the_console_shows_at_most_200_characters_of_an_answer(
    server: AuthServer, acme: Receiver
) -> None:
    await add_hook(server, acme.url())
    acme.answers = [(500, "\x00<b>" + "é" * 2000)]
    await queue_test(server)
    await send_all(server)

    [shown] = await deliveries(server)
    assert shown.answer == "<b>" + "é" * 197


async def test_a_message_that_never_arrives_is_given_up_and_can_be_sent_again(
    server: AuthServer, acme: Receiver
) -> None:
    await add_hook(server, acme.url())
    acme.answers = [(500, "")]
    message_id = await queue_test(server)
    for pause in (*RETRIES, timedelta(days=1)):
        await send_all(server)
        server.clock.advance(seconds=pause.total_seconds() * 1.1)
    await send_all(server)

    assert len(acme.received) == 1 + len(RETRIES)
    [failed] = await deliveries(server)
    assert failed.state == "failed"
    acme.answers = [(204, "")]
    async with server.opened.transaction() as db:
        await resend_delivery(db, "org_acme", "endpoint_1", message_id, now=server.clock())
    await send_all(server)
    assert acme.received[-1].message_id == message_id
    assert [one.state for one in await deliveries(server)] == ["delivered"]


@pytest.mark.both_databases
async def test_a_crash_between_sending_and_recording_repeats_the_message_under_its_id(
    server: AuthServer, acme: Receiver, network: Network
) -> None:
    await add_hook(server, acme.url())
    await queue_test(server)

    class Crash(GuardedPost):
        async def __call__(self, *given: object, **more: object) -> Answered:
            await network.post()(*given, **more)  # type: ignore[arg-type]  # what the sender gave, passed on
            raise asyncio.CancelledError  # the process ends here

    opened = server.opened
    dying = open_webhooks(server.settings, opened.database, opened.keys, opened.now, post=Crash())
    assert await dying.start_due() == 1
    await dying.settled()
    await send_all(server)
    assert len(acme.received) == 1
    server.clock.advance(seconds=LEASE.total_seconds() + 1)
    await send_all(server)

    assert len(acme.received) == 2
    assert len({one.message_id for one in acme.received}) == 1
    assert [one.state for one in await deliveries(server)] == ["delivered"]


@pytest.mark.both_databases
async def test_two_processes_never_make_the_same_attempt(
    server: AuthServer, acme: Receiver, network: Network
) -> None:
    await add_hook(server, acme.url())
    opened = server.opened
    sent = [await queue_test(server) for _ in range(6)]
    senders = [
        open_webhooks(
            server.settings, opened.database, opened.keys, opened.now, post=network.post()
        )
        for _ in range(4)
    ]
    for _ in range(3):
        await asyncio.gather(*(sender.start_due() for sender in senders))
        await asyncio.gather(*(sender.settled() for sender in senders))

    assert sorted(one.message_id for one in acme.received) == sorted(sent)
    assert {one.attempts for one in await deliveries(server)} == {1}


@pytest.mark.both_databases
async def test_two_followers_at_once_queue_each_message_once(
    server: AuthServer, acme: Receiver
) -> None:
    await add_hook(server, acme.url())
    await connect_without_pages(server)
    await asyncio.gather(*(follow(server.opened) for _ in range(4)))
    await send_all(server)

    assert acme.types == ["grant.created"]


async def test_a_slow_endpoint_delays_only_its_own_owner(
    server: AuthServer, acme: Receiver, operators: Receiver
) -> None:
    await add_hook(server, acme.url())
    await add_hook(server, operators.url("127.0.0.1"), None, "endpoint_op")
    acme.silent = asyncio.Event()
    for _ in range(3 * AT_ONCE_FOR_AN_OWNER):
        await queue_test(server)
    assert await server.opened.webhooks.start_due() == AT_ONCE_FOR_AN_OWNER
    await acme.arrived.wait()
    await queue_test(server, None)
    assert await server.opened.webhooks.start_due() == 1
    await operators.arrived.wait()
    assert operators.types == ["webhook.test"]

    acme.silent.set()
    await server.opened.webhooks.settled()
    await send_all(server)
    assert len(acme.received) == 3 * AT_ONCE_FOR_AN_OWNER


async def test_an_endpoint_that_is_gone_is_disabled_until_somebody_enables_it(
    server: AuthServer, acme: Receiver
) -> None:
    await add_hook(server, acme.url())
    acme.answers = [(410, "")]
    await queue_test(server)
    await send_all(server)
    async with server.opened.database.reading() as db:
        endpoint = await find_owned(db, "org_acme", "endpoint_1")
    assert endpoint is not None
    assert endpoint.disabled_reason == "it answered 410 Gone"
    with pytest.raises(UnusableEndpoint, match="Enable"):
        await queue_test(server)
    server.clock.advance(minutes=10)
    await send_all(server)
    assert len(acme.received) == 1

    acme.answers = [(204, "")]
    async with server.opened.transaction() as db:
        await enable_endpoint(db, "org_acme", "endpoint_1", now=server.clock())
    await send_all(server)
    assert len(acme.received) == 2


async def test_an_endpoint_that_fails_for_days_is_disabled_and_one_success_starts_anew(
    server: AuthServer, acme: Receiver
) -> None:
    await add_hook(server, acme.url())
    for status in (500, 204, 500):
        acme.answers = [(status, "")]
        await queue_test(server)
        await send_all(server)
        server.clock.advance(seconds=DISABLED_AFTER.total_seconds() - 60)
    acme.answers = [(500, "")]
    async with server.opened.database.reading() as db:
        endpoint = await find_owned(db, "org_acme", "endpoint_1")
    assert endpoint is not None
    assert endpoint.disabled_at is None
    server.clock.advance(minutes=2)
    await send_all(server)

    async with server.opened.database.reading() as db:
        endpoint = await find_owned(db, "org_acme", "endpoint_1")
    assert endpoint is not None
    assert endpoint.disabled_reason == "no message arrived for 5 days"


@pytest.mark.both_databases
async def test_while_a_secret_is_rolled_both_verify_and_afterwards_only_the_new_one(
    server: AuthServer, acme: Receiver
) -> None:
    former = await add_hook(server, acme.url())
    async with server.opened.transaction() as db:
        secret = await roll_secret(
            db,
            "org_acme",
            "endpoint_1",
            keys=server.opened.keys,
            new_secret=server.opened.new_secret,
            now=server.clock(),
        )
    await queue_test(server)
    await send_all(server)
    [both] = acme.received
    for each in (former, secret):
        both.verify(each, at=server.clock())
    server.clock.advance(hours=25)
    await queue_test(server)
    await send_all(server)

    acme.received[-1].verify(secret, at=server.clock())
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        acme.received[-1].verify(former, at=server.clock())


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "192.168.1.1"])
async def test_a_tenants_endpoint_that_resolves_to_a_private_address_is_never_reached_a72(
    server: AuthServer, network: Network, acme: Receiver, address: str
) -> None:
    """A72: a customer names a host that leads into the operator's network."""
    network.addresses["hooks.customer.example"] = ["127.0.0.1", address]
    await add_hook(server, acme.url())
    await queue_test(server)
    await send_all(server)

    [waiting] = await deliveries(server)
    assert (waiting.state, waiting.status_code, waiting.answer) == ("waiting", None, "")
    assert acme.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.customer.example/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://hooks.customer.example@10.0.0.1/",
        "https://hooks.customer.example/#a",
        "https://hooks.customer.example:99999/",
        "https://hooks.customer.example/ x",
        "file:///etc/passwd",
        "",
    ],
)
async def test_a_tenant_can_not_add_an_endpoint_inside_the_network_a72(
    server: AuthServer, url: str
) -> None:
    """A72: not even at a host that the settings allow for the operator."""
    with pytest.raises(UnusableEndpoint):
        await add_hook(server, url)


async def test_a_secret_is_stored_sealed(server: AuthServer, acme: Receiver) -> None:
    secret = await add_hook(server, acme.url())
    folder = Path(server.database_url.removeprefix("sqlite+aiosqlite:///")).parent
    stored = b"".join(file.read_bytes() for file in folder.glob("gatepost.db*"))

    assert secret.removeprefix("whsec_").encode() not in stored
    assert WebhookDelivery.__tablename__.encode() in stored
