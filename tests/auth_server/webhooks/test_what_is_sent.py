"""Each endpoint is told what happened, once, signed, and only what its owner may know."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import update
from standardwebhooks import WebhookVerificationError

from auth_server.entitlements.api_key import NewApiKey, end_api_key, issue_api_key, name_api_key
from auth_server.gateway_api.write_calls import write_calls
from auth_server.metering.notice_quotas import notice_quotas
from auth_server.notices.compare_books import compare_books
from auth_server.notices.expiring_keys import notice_expiring_keys
from auth_server.notices.run import follow
from auth_server.records.tenants.store import change_plan, lock_tenant
from auth_server.records.usage.table import UsageHour
from auth_server.webhooks.event_types import EVENT_TYPES
from gatepost.api_keys import make_api_key
from gatepost.data_scope import parse_data_scope
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.call_events import call_event
from support.in_process.grants import connect_without_pages
from support.in_process.person import BO
from support.in_process.receiver import Receiver, add_hook, send_all


def data_of(receiver: Receiver, type_name: str) -> list[dict[str, Any]]:
    """The `data` of the messages of a type."""
    return [json.loads(one.body)["data"] for one in receiver.received if one.type == type_name]


@pytest.mark.both_databases
async def test_a_connected_app_is_told_once_to_its_tenant_and_the_operator(
    server: AuthServer, acme: Receiver, operators: Receiver
) -> None:
    secret = await add_hook(server, acme.url())
    await add_hook(server, operators.url("127.0.0.1"), None, "endpoint_op")
    await (await server.client()).connect(server.person())
    await send_all(server)
    await send_all(server)

    [message] = acme.received
    told = message.verify(secret, at=server.clock())
    assert told["type"] == "grant.created"
    assert told["timestamp"].endswith("Z")
    assert told["data"]["tenant_id"] == "org_acme"
    assert told["data"]["person_id"] == "usr_ada"
    assert told["data"]["resource"] == RESOURCE
    assert sorted(operators.types) == ["client.registered", "grant.created"]
    assert message.message_id in {one.message_id for one in operators.received}


@pytest.mark.both_databases
async def test_the_end_of_access_is_told_with_its_reason(
    server: AuthServer, acme: Receiver
) -> None:
    person = server.person()
    await (await server.client()).connect(person)
    await add_hook(server, acme.url())
    page = await person.open("/account/apps")
    [app] = [link for link in page.links if "/account/app?" in link]
    await person.press(await person.open(app), "Disconnect")
    await send_all(server)

    [ended] = data_of(acme, "grant.ended")
    assert ended["tenant_id"] == "org_acme"
    assert ended["reason"]


async def test_a_tenants_endpoint_never_hears_of_another_tenant_or_of_no_tenant_a123(
    server: AuthServer, acme: Receiver
) -> None:
    """A tenant that adds an endpoint learns nothing of Globex, of new clients or of the books."""
    await add_hook(server, acme.url())
    globex = server.person(BO[0])
    await (await server.client()).connect(globex)
    async with server.opened.transaction() as db:
        event = call_event(server.clock(), cost=5, tenant_id="org_globex")
        await write_calls(db, [event], now=server.clock())
        await db.execute(update(UsageHour).values(units=7))
    server.clock.advance(days=1)
    await compare_books(server.opened.database, now=server.clock())
    await send_all(server)

    assert acme.received == []


async def test_no_message_holds_what_the_list_of_types_does_not_name(
    server: AuthServer, acme: Receiver, operators: Receiver
) -> None:
    await add_hook(server, acme.url())
    await add_hook(server, operators.url("127.0.0.1"), None, "endpoint_op")
    await connect_without_pages(server)
    await send_all(server)

    for one in operators.received:
        [kind] = [kind for kind in EVENT_TYPES if kind.name == one.type]
        assert set(json.loads(one.body)) == {"type", "timestamp", "data"}
        assert set(json.loads(one.body)["data"]) <= {*kind.ids, *kind.detail}


@pytest.mark.both_databases
async def test_a_used_quota_is_told_at_80_and_100_percent(
    server: AuthServer, acme: Receiver
) -> None:
    await add_hook(server, acme.url())
    async with server.opened.transaction() as db:
        tenant = await lock_tenant(db, "org_acme")
        assert tenant is not None
        change_plan(tenant, "free", now=server.clock())
    for units in (80, 20):
        async with server.opened.transaction() as db:
            await write_calls(db, [call_event(server.clock(), cost=units)], now=server.clock())
        await notice_quotas(server.opened.database, server.clock())
        await notice_quotas(server.opened.database, server.clock())
    await send_all(server)

    told = [one for one in data_of(acme, "quota.reached") if one["kind"] == "day"]
    assert sorted((one["percent"], one["used"], one["limit"]) for one in told) == [
        (80, 80, 100),
        (100, 100, 100),
    ]


@pytest.mark.both_databases
async def test_a_difference_in_the_books_is_told_once_a_day_to_the_operator(
    server: AuthServer, operators: Receiver
) -> None:
    server.clock.advance_to_last_noon()
    await add_hook(server, operators.url("127.0.0.1"), None, "endpoint_op")
    async with server.opened.transaction() as db:
        await write_calls(db, [call_event(server.clock(), cost=5)], now=server.clock())
        await db.execute(update(UsageHour).values(units=7))
    server.clock.advance(days=1)
    for _ in range(2):
        await compare_books(server.opened.database, now=server.clock())
    await send_all(server)

    [told] = data_of(operators, "books.differ")
    assert (told["tenant_id"], told["ledger"], told["usage"]) == ("org_acme", 5, 7)
    server.clock.advance(days=1)
    await compare_books(server.opened.database, now=server.clock())
    await send_all(server)
    assert len(data_of(operators, "books.differ")) == 2


@pytest.mark.both_databases
async def test_a_key_that_expires_is_told_14_and_3_days_before(
    server: AuthServer, acme: Receiver
) -> None:
    await add_hook(server, acme.url())
    keys = {}
    for name, days in (("long", 30), ("short", 10), ("revoked", 30), ("day", 2)):
        key = make_api_key("live", name.encode().ljust(32))
        keys[name] = name_api_key(key)
        new = NewApiKey(
            name,
            "usr_ada",
            "org_acme",
            RESOURCE,
            ["mcp:read"],
            ["list_tasks"],
            parse_data_scope(""),
            server.clock() + timedelta(days=days),
        )
        async with server.opened.transaction() as db:
            await issue_api_key(db, key, new, now=server.clock())
    async with server.opened.transaction() as db:
        lifetime = server.settings.longest_token_lifetime
        await end_api_key(db, keys["revoked"], lifetime=lifetime, now=server.clock())
    for _ in range(32):
        await notice_expiring_keys(server.opened.database, (), now=server.clock())
        server.clock.advance(days=1)
    await send_all(server)

    told = sorted((one["label"], one["days"]) for one in data_of(acme, "api_key.expiring"))
    assert told == [("long", 3), ("long", 14), ("short", 3)]
    secret = make_api_key("live", b"long".ljust(32)).text
    assert all(secret not in one.body for one in acme.received)


async def test_a_message_that_was_changed_or_is_old_is_refused_by_the_receiver(
    server: AuthServer, acme: Receiver
) -> None:
    secret = await add_hook(server, acme.url())
    await connect_without_pages(server)
    await send_all(server)
    [message] = acme.received

    message.verify(secret, at=server.clock() + timedelta(minutes=4))
    with pytest.raises(WebhookVerificationError):
        message.verify(secret, at=server.clock() + timedelta(minutes=6))
    for changed in ({"webhook-id": "msg_other"}, {"webhook-timestamp": str(0)}):
        forged = type(message)(message.path, message.headers | changed, message.body)
        with pytest.raises(WebhookVerificationError):
            forged.verify(secret, at=server.clock())


async def test_what_happened_before_the_first_run_is_not_told(
    server: AuthServer, acme: Receiver
) -> None:
    await connect_without_pages(server)
    await add_hook(server, acme.url())
    await send_all(server)

    assert acme.received == []


@pytest.mark.both_databases
async def test_a_follower_that_dies_while_it_queues_tells_everything_once(
    server: AuthServer, acme: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position moves in the transaction that queues, or not at all."""
    await add_hook(server, acme.url())
    await connect_without_pages(server)

    async def die(*_: object, **__: object) -> None:
        raise OSError("killed")

    from auth_server.notices import run

    with monkeypatch.context() as patched:
        patched.setattr(run, "FOLLOWERS", (run.queue_webhooks, die))
        with pytest.raises(OSError, match="killed"):
            await follow(server.opened)
    await send_all(server)

    assert acme.types == ["grant.created"]
