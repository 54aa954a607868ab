"""`gatepost auth-server webhooks …`: manage the endpoints that receive events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST
from auth_server.administration.services.deliveries import (
    DeliveryView,
    read_deliveries,
    resend_message,
)
from auth_server.administration.services.webhooks import (
    STATES,
    EndpointView,
    create_endpoint,
    delete_endpoint,
    read_endpoints,
    replace_secret,
    send_test_message,
    switch_endpoint,
)
from auth_server.commands.common import (
    config_option,
    in_transaction,
    load_settings,
    read_every_page,
)
from auth_server.db.engine import DbSession
from auth_server.runtime import keys_of
from auth_server.secrets import new_secret
from auth_server.settings import AuthServerSettings
from auth_server.webhooks.event_types import types_for
from auth_server.webhooks.manage import NewEndpoint
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows
from gatepost_cli.url import URL

T = TypeVar("T")


@click.group()
def webhooks() -> None:
    """Manage the endpoints that receive events, and look at deliveries."""


@webhooks.command(name="list")
@config_option
@click.option("--search", default="", help="A part of a URL or of a tenant's id.")
@click.option("--state", type=click.Choice(STATES), help="Only the endpoints in this state.")
@json_option
def list_(config: Path | None, search: str, state: str | None, as_json: bool) -> None:
    """List the endpoints of the operator and of all tenants, without their secrets."""

    async def work(db: DbSession) -> list[EndpointView]:
        return await read_every_page(
            lambda after: read_endpoints(
                db, COMMAND_LINE, search=search, state=state or "", after=after, limit=MOST
            )
        )

    rows = _run(load_settings(config), work)
    print_rows(rows, _describe, as_json=as_json, none="There are no endpoints.")


@webhooks.command()
@config_option
@click.option(
    "--tenant", "tenant_id", help="The tenant that owns the endpoint; without it, the operator."
)
@click.argument("url", type=URL)
@click.option(
    "--type", "types", multiple=True, help="A type of event; repeatable.  [default: all types]"
)
def add(config: Path | None, tenant_id: str | None, url: str, types: tuple[str, ...]) -> None:
    """Add an endpoint, and show its secret once."""
    settings = load_settings(config)
    known = tuple(kind.name for kind in types_for(tenant_id))
    if unknown := sorted(set(types) - set(known)):
        raise click.ClickException(f"{unknown[0]} is not one of {', '.join(known)}")

    async def work(db: DbSession) -> tuple[EndpointView, str]:
        return await create_endpoint(
            db,
            COMMAND_LINE,
            NewEndpoint(tenant_id, url, types or known, f"endpoint_{new_secret()}"),
            private_hosts=settings.webhook_private_hosts,
            keys=keys_of(settings),
            new_secret=new_secret,
            now=utc_now(),
        )

    endpoint, secret = _run(settings, work)
    echo(f"{endpoint.endpoint_id} receives events. The secret is shown only once:")
    echo(secret)


@webhooks.command()
@config_option
@click.argument("endpoint_id")
def remove(config: Path | None, endpoint_id: str) -> None:
    """Remove an endpoint with its deliveries."""

    async def work(db: DbSession) -> None:
        await delete_endpoint(db, COMMAND_LINE, endpoint_id, now=utc_now())

    _run(load_settings(config), work)
    echo(f"{endpoint_id} is removed.")


@webhooks.command()
@config_option
@click.argument("endpoint_id")
def roll(config: Path | None, endpoint_id: str) -> None:
    """Give an endpoint a new secret; for 24 hours, messages are signed with both."""
    settings = load_settings(config)

    async def work(db: DbSession) -> str:
        return await replace_secret(
            db,
            COMMAND_LINE,
            endpoint_id,
            keys=keys_of(settings),
            new_secret=new_secret,
            now=utc_now(),
        )

    secret = _run(settings, work)
    echo("For 24 hours, messages are signed with both secrets. The new one is shown once:")
    echo(secret)


@webhooks.command()
@config_option
@click.argument("endpoint_id")
def enable(config: Path | None, endpoint_id: str) -> None:
    """Send to a disabled endpoint again."""
    _switch(config, endpoint_id, enabled=True)
    echo(f"{endpoint_id} is enabled.")


@webhooks.command()
@config_option
@click.argument("endpoint_id")
def disable(config: Path | None, endpoint_id: str) -> None:
    """Send nothing more to an endpoint until it is enabled."""
    _switch(config, endpoint_id, enabled=False)
    echo(f"{endpoint_id} is disabled.")


@webhooks.command()
@config_option
@click.argument("endpoint_id")
def test(config: Path | None, endpoint_id: str) -> None:
    """Send a test message; the running service sends it within seconds."""

    async def work(db: DbSession) -> str:
        return await send_test_message(
            db, COMMAND_LINE, endpoint_id, new_secret=new_secret, now=utc_now()
        )

    echo(f"{_run(load_settings(config), work)} will be sent within seconds.")


@webhooks.command()
@config_option
@click.argument("endpoint_id")
@click.option(
    "--most",
    type=click.IntRange(1, MOST),
    default=50,
    show_default=True,
    help="How many to list.",
)
@json_option
def deliveries(config: Path | None, endpoint_id: str, most: int, as_json: bool) -> None:
    """List the newest deliveries to an endpoint, with its last answers."""

    async def work(db: DbSession) -> Sequence[DeliveryView]:
        return (await read_deliveries(db, COMMAND_LINE, endpoint_id, limit=most)).rows

    rows = _run(load_settings(config), work)
    print_rows(rows, _describe_delivery, as_json=as_json, none="There are no deliveries.")


@webhooks.command()
@config_option
@click.argument("endpoint_id")
@click.argument("message_ids", nargs=-1, required=True)
def resend(config: Path | None, endpoint_id: str, message_ids: tuple[str, ...]) -> None:
    """Send messages to an endpoint again, under the same ids."""

    async def work(db: DbSession) -> None:
        for message_id in message_ids:
            await resend_message(db, COMMAND_LINE, endpoint_id, message_id, now=utc_now())

    _run(load_settings(config), work)
    echo(f"{len(message_ids)} will be sent within seconds.")


def _switch(config: Path | None, endpoint_id: str, *, enabled: bool) -> None:
    async def work(db: DbSession) -> None:
        await switch_endpoint(db, COMMAND_LINE, endpoint_id, enabled, now=utc_now())

    _run(load_settings(config), work)


def _run(settings: AuthServerSettings, work: Callable[[DbSession], Awaitable[T]]) -> T:
    try:
        return asyncio.run(in_transaction(settings, work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None


def _describe(one: EndpointView) -> str:
    state: str = one.state
    if one.disabled_at is not None:
        state = f"disabled {one.disabled_at:%Y-%m-%d %H:%M}: {one.disabled_reason}"
    elif one.failing_since is not None:
        state = f"failing since {one.failing_since:%Y-%m-%d %H:%M}"
    owner = one.tenant_id or "operator"
    return f"{one.endpoint_id}  {owner}  {one.url}  {state}  {', '.join(one.types)}"


def _describe_delivery(one: DeliveryView) -> str:
    answer = "no answer" if one.status_code is None else f"{one.status_code} {one.answer}"
    last = f"  {' '.join(answer.split())}" if one.attempts else ""
    again = (
        f", next {one.next_attempt_at:%Y-%m-%d %H:%M}" if one.next_attempt_at is not None else ""
    )
    return (
        f"{one.created_at:%Y-%m-%d %H:%M}  {one.message_id}  {one.type}  {one.state}, "
        f"{one.attempts} attempts{again}{last}"
    )
