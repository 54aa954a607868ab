"""`gatepost auth-server app-requests …`: answer the members who ask for an app."""

import asyncio
from pathlib import Path

import click

from auth_server.administration.errors import NotFound
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.tenancy.app_requests import (
    AppRequestView,
    answer_app_request,
    read_app_requests,
)
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows


@click.group(name="app-requests")
def app_requests() -> None:
    """List, approve and decline the apps that members of a tenant ask for."""


@app_requests.command(name="list")
@config_option
@click.argument("tenant_id")
@json_option
def list_(config: Path | None, tenant_id: str, as_json: bool) -> None:
    """List the open requests in TENANT_ID, the oldest first."""

    async def work(db: DbSession) -> list[AppRequestView]:
        return await read_app_requests(db, COMMAND_LINE, tenant_id)

    try:
        rows = asyncio.run(in_transaction(load_settings(config), work))
    except NotFound as error:
        raise click.ClickException(str(error)) from None
    print_rows(rows, _describe, as_json=as_json, none="Nobody asks for an app.")


@app_requests.command()
@config_option
@click.argument("tenant_id")
@click.argument("request_id")
def approve(config: Path | None, tenant_id: str, request_id: str) -> None:
    """Allow the app for all members of TENANT_ID."""
    _answer(config, tenant_id, request_id, approved=True)
    echo("The app is allowed. The member is told by mail.")


@app_requests.command()
@config_option
@click.argument("tenant_id")
@click.argument("request_id")
def decline(config: Path | None, tenant_id: str, request_id: str) -> None:
    """Decline the request."""
    _answer(config, tenant_id, request_id, approved=False)
    echo("The request is declined. The member is told by mail.")


def _describe(one: AppRequestView) -> str:
    return (
        f"{one.request_id}  {one.asked_at:%Y-%m-%d %H:%M}  {one.person_id}  "
        f"{one.client_name} ({one.entry})  {one.note}".rstrip()
    )


def _answer(config: Path | None, tenant_id: str, request_id: str, *, approved: bool) -> None:
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        lifetime = settings.longest_token_lifetime
        await answer_app_request(
            db, COMMAND_LINE, tenant_id, request_id, approved, lifetime=lifetime, now=utc_now()
        )

    try:
        asyncio.run(in_transaction(settings, work))
    except NotFound as error:
        raise click.ClickException(str(error)) from None
