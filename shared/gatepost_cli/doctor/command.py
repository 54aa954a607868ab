"""The `doctor` command."""

import asyncio

import click
import httpx2

from gatepost_cli.doctor.clients import CLIENTS
from gatepost_cli.doctor.deployment import look_at
from gatepost_cli.doctor.examine import Verdict, examine
from gatepost_cli.doctor.registrations import Registrations, Sleep
from gatepost_cli.terminal import echo


@click.command()
@click.argument("issuer")
@click.option("--resource", help="Also test this MCP endpoint, exactly as people enter it.")
def doctor(issuer: str, resource: str | None) -> None:
    """Test what each known client does at ISSUER, up to the sign-in page.

    Prints a line for each client and exits with 1 if any client fails. It deletes the clients that
    it registered.
    """
    for flag, url in (("ISSUER", issuer), ("--resource", resource)):
        if url is not None and not url.startswith(("https://", "http://")):
            raise click.ClickException(f"{flag}: {url!r} is not an http or https URL")
    verdicts, left = asyncio.run(_examine_all(issuer, resource))
    for verdict in verdicts:
        echo(write_line(verdict))
    if left:
        echo(f"{left} registrations could not be deleted (RFC 7592).", err=True)
    if any(verdict.problems for verdict in verdicts):
        raise click.exceptions.Exit(1)


async def diagnose(
    http: httpx2.AsyncClient, issuer: str, resource: str | None, *, sleep: Sleep
) -> tuple[list[Verdict], int]:
    """Examine every known client, one after the other.

    Returns:
        A verdict for each, and the number of registrations that could not be deleted.
    """
    seen = await look_at(http, issuer, resource)
    registrations = Registrations(http, sleep)
    try:
        verdicts = [await examine(client, seen, http, registrations) for client in CLIENTS]
    finally:
        await registrations.delete()
    return verdicts, registrations.left_behind


def write_line(verdict: Verdict) -> str:
    """Write the line for one client."""
    name = f"{verdict.client.name:<15}"
    if not verdict.problems:
        return f"ok     {name} {verdict.way}"
    return f"fails  {name} {'; '.join(dict.fromkeys(verdict.problems))}"


async def _examine_all(issuer: str, resource: str | None) -> tuple[list[Verdict], int]:
    async def wait(seconds: float) -> None:
        echo(f"The server limits registrations. Waiting {seconds:.0f} seconds …", err=True)
        await asyncio.sleep(seconds)

    async with httpx2.AsyncClient(timeout=20, follow_redirects=False) as http:
        return await diagnose(http, issuer, resource, sleep=wait)
