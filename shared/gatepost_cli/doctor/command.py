"""The `doctor` command."""

import asyncio
from pathlib import Path

import click
import httpx2

from gatepost_cli.doctor.clients import CLIENTS
from gatepost_cli.doctor.deployment import look_at
from gatepost_cli.doctor.examine import Verdict, examine
from gatepost_cli.doctor.organisation_sign_in import (
    OrganisationSignIn,
    examine_organisation_sign_in,
)
from gatepost_cli.doctor.refreshing import describe_refreshing, read_admin_token
from gatepost_cli.doctor.registrations import Registrations, Sleep
from gatepost_cli.terminal import echo
from gatepost_cli.url import URL


@click.command()
@click.argument("issuer", type=URL)
@click.option(
    "--resource", type=URL, help="Also test this MCP endpoint, exactly as people enter it."
)
@click.option(
    "--sso",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Also play an app whose person signed in at their organisation's provider: a JSON file.",
)
@click.option(
    "--admin-token",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Also tell which connected apps refresh their tokens: a file with a token that has clients:read.",
)
def doctor(issuer: str, resource: str | None, sso: Path | None, admin_token: Path | None) -> None:
    """Test what each known client does at ISSUER, up to the sign-in page.

    Prints a line for each client and exits with 1 if any client fails. It deletes the clients that
    it registered.
    """
    token = read_admin_token(admin_token) if admin_token else None
    verdicts, left = asyncio.run(
        _examine_all(issuer, resource, OrganisationSignIn.read(sso) if sso else None)
    )
    for verdict in verdicts:
        echo(write_line(verdict))
    for line in asyncio.run(_look_at_refreshing(issuer, token)) if token else ():
        echo(line)
    if left:
        echo(f"{left} registrations could not be deleted (RFC 7592).", err=True)
    if any(verdict.problems for verdict in verdicts):
        raise click.exceptions.Exit(1)


async def diagnose(
    http: httpx2.AsyncClient,
    issuer: str,
    resource: str | None,
    *,
    sleep: Sleep,
    sso: OrganisationSignIn | None = None,
) -> tuple[list[Verdict], int]:
    """Examine every known client, one after the other.

    Returns:
        A verdict for each, and the number of registrations that could not be deleted.
    """
    seen = await look_at(http, issuer, resource)
    registrations = Registrations(http, sleep)
    try:
        verdicts = [await examine(client, seen, http, registrations) for client in CLIENTS]
        if sso is not None:
            verdicts.append(await examine_organisation_sign_in(sso, seen, http))
    finally:
        await registrations.delete()
    return verdicts, registrations.left_behind


def write_line(verdict: Verdict) -> str:
    """Write the line for one client."""
    name = f"{verdict.client.name:<15}"
    if not verdict.problems:
        return f"ok     {name} {verdict.way}"
    return f"fails  {name} {'; '.join(dict.fromkeys(verdict.problems))}"


async def _examine_all(
    issuer: str, resource: str | None, sso: OrganisationSignIn | None
) -> tuple[list[Verdict], int]:
    async def wait(seconds: float) -> None:
        echo(f"The server limits registrations. Waiting {seconds:.0f} seconds …", err=True)
        await asyncio.sleep(seconds)

    async with httpx2.AsyncClient(timeout=20, follow_redirects=False) as http:
        return await diagnose(http, issuer, resource, sleep=wait, sso=sso)


async def _look_at_refreshing(issuer: str, token: str) -> list[str]:
    async with httpx2.AsyncClient(timeout=20, follow_redirects=False) as http:
        return await describe_refreshing(http, issuer, token)
