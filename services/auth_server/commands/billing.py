"""`gatepost billing …`: prices at Stripe, and the inbox of its events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.stripe_events import (
    StripeEventView,
    process_stripe_event,
    read_stripe_events,
)
from auth_server.administration.money.stripe_prices import make_price_changes, read_price_changes
from auth_server.administration.money.subscriptions import refresh_subscription
from auth_server.administration.operator import COMMAND_LINE
from auth_server.billing.account import Billing, opened_billing
from auth_server.billing.errors import BillingError
from auth_server.commands.common import config_option, load_settings, opened
from auth_server.records.billing_accounts.store import list_accounts_read_before
from auth_server.settings import AuthServerSettings
from gatepost_cli.terminal import echo, json_option, print_rows

T = TypeVar("T")


@click.command()
@config_option
@click.option("--yes", is_flag=True, help="Do not ask before changing anything.")
def sync(config: Path | None, yes: bool) -> None:
    """Create what the plans need at Stripe: products, prices and the meter."""

    async def work(billing: Billing) -> str:
        changes = await read_price_changes(billing, COMMAND_LINE)
        if not changes:
            return "Stripe has everything that the plans need."
        echo("\n".join(f"will {change}" for change in changes))
        if not yes:
            click.confirm("Make these changes?", abort=True)
        return f"{len(await make_price_changes(billing, COMMAND_LINE))} changes are made."

    echo(_run(config, work))


@click.command()
@config_option
@click.option("--most", default=50, show_default=True, help="How many to list.")
@json_option
def events(config: Path | None, most: int, as_json: bool) -> None:
    """List the newest events in the inbox."""

    async def work(billing: Billing) -> Sequence[StripeEventView]:
        async with billing.database.reading() as db:
            return (await read_stripe_events(db, COMMAND_LINE, limit=most)).rows

    print_rows(_run(config, work), _describe, as_json=as_json, none="The inbox is empty.")


@click.command()
@config_option
@click.argument("event_ids", nargs=-1, required=True)
def resend(config: Path | None, event_ids: tuple[str, ...]) -> None:
    """Process events of the inbox again."""

    async def work(billing: Billing) -> list[str]:
        problems = []
        for event_id in event_ids:
            try:
                done = await process_stripe_event(billing, COMMAND_LINE, event_id)
            except NotFound as error:
                problems.append(str(error))
            else:
                problems += [f"{event_id}: {done.problem}"] if done.problem else []
        return problems

    if problems := _run(config, work):
        raise click.ClickException("\n".join(problems))
    echo(f"{len(event_ids)} processed.")


@click.command()
@config_option
@click.option("--tenant", "tenant_id", help="Only this tenant.")
def refresh(config: Path | None, tenant_id: str | None) -> None:
    """Read the subscriptions of tenants at Stripe again."""

    async def work(billing: Billing) -> list[str]:
        async with billing.database.reading() as db:
            accounts = await list_accounts_read_before(db, billing.now())
        lines = []
        for account in accounts:
            if tenant_id is None or account.tenant_id == tenant_id:
                found = await refresh_subscription(billing, COMMAND_LINE, account.tenant_id)
                status = found.status or "no subscription"
                lines.append(f"{account.tenant_id}: {status}{found.plan and f', {found.plan}'}")
        return lines

    echo("\n".join(_run(config, work)) or "No tenant has a billing account.")


def _describe(one: StripeEventView) -> str:
    return f"{one.received_at:%Y-%m-%d %H:%M:%S}  {one.event_id}  {one.type}  {one.problem or one.state}"


def _run(config: Path | None, work: Callable[[Billing], Awaitable[T]]) -> T:
    settings = load_settings(config)
    try:
        return asyncio.run(_with_billing(settings, work))
    except BillingError as error:
        raise click.ClickException(str(error)) from None
    except Refused as refused:
        raise click.ClickException(refused.reason) from None


async def _with_billing(settings: AuthServerSettings, work: Callable[[Billing], Awaitable[T]]) -> T:
    async with opened(settings) as basis, opened_billing(basis) as billing:
        if billing is None:
            raise BillingError("The settings name no Stripe account: set auth_server.stripe.")
        return await work(billing)
