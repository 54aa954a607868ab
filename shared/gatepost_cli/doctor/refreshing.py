"""Which connected clients refresh their tokens, as the authorization server has seen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import httpx2

from gatepost_cli.doctor.deployment import describe, read_object

_LIMIT = 100
_MOST_PAGES = 50


def read_admin_token(path: Path) -> str:
    """Read the file of `--admin-token`.

    Raises:
        click.ClickException: it can't be read or is empty.
    """
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise click.ClickException(f"--admin-token: {path} can't be read") from None
    if not token or not token.isascii() or not token.isprintable():
        raise click.ClickException(f"--admin-token: {path} does not contain a token")
    return token


async def describe_refreshing(http: httpx2.AsyncClient, issuer: str, token: str) -> list[str]:
    """Write a line for each client with connections: when it last refreshed, or what to do.

    Raises:
        click.ClickException: the admin API does not answer, or refuses the token.
    """
    lines: list[str] = []
    after = ""
    for _ in range(_MOST_PAGES):
        page = await _read_page(http, issuer, token, after)
        lines += [_write(client) for client in page["items"] if client["grants"]]
        after = page.get("next") or ""
        if not after:
            break
    return lines


async def _read_page(
    http: httpx2.AsyncClient, issuer: str, token: str, after: str
) -> Mapping[str, Any]:
    url, query = f"{issuer.rstrip('/')}/admin/v1/clients", {"limit": str(_LIMIT), "after": after}
    try:
        answer = await http.get(url, params=query, headers={"authorization": f"Bearer {token}"})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise click.ClickException(f"--admin-token: {url}: {describe(error)}") from None
    document = read_object(answer)
    if not answer.is_success or document is None or not isinstance(document.get("items"), list):
        raise click.ClickException(
            f"--admin-token: {url} answered {answer.status_code}; the token must have clients:read"
        )
    return document


def _write(client: Mapping[str, Any]) -> str:
    name, at = f"{client['name']:<15}", client.get("refreshed_at")
    if at is not None:
        return f"ok     {name} refreshes its tokens, last on {str(at)[:10]}"
    return (
        f"look   {name} was never seen to refresh a token; if its people have to connect again and "
        "again, give it longer ones with client_token_lifetimes"
    )
