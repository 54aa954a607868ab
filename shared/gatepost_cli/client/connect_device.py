"""Get an access token with a code that a person types on another device (RFC 8628)."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import urlsplit

import click
import httpx2
from mcp.client.auth.utils import (
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
)
from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url

from gatepost_cli.terminal import echo

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
_LONGEST_INTERVAL, _MOST_FAILURES = 60, 5


class BearerToken(httpx2.Auth):
    """Sends an access token."""

    def __init__(self, token: str) -> None:
        """Take the token."""
        self._token = token

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token to a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


async def authorize_device(url: str, client_id: str) -> BearerToken:
    """Show the code, and wait until the person has answered.

    Args:
        url: the gateway's MCP endpoint.
        client_id: a public client that an operator allows device codes.

    Raises:
        ClickException: the servers don't offer this or describe other ones, or the person denied or did
            not answer.
    """
    async with httpx2.AsyncClient(timeout=30, follow_redirects=False) as http:
        challenge = await http.post(url, json={})
        where = extract_resource_metadata_from_www_auth(challenge)
        if challenge.status_code != 401 or where is None:
            raise click.ClickException(
                f"{url} does not say where to get a token; the address of a gateway usually ends in /mcp"
            )
        resource = await _read(http, where)
        named, issuer = str(resource["resource"]), str(resource["authorization_servers"][0])
        # Otherwise this server would get a token of the one that it names (RFC 9728 §3.3).
        if not check_resource_allowed(resource_url_from_server_url(url), named):
            raise click.ClickException(
                f"{url} asks for a token of another address; type {named} if that is the gateway's"
            )
        server = await _read(http, _metadata_url(issuer))
        if server.get("issuer") != issuer:
            raise click.ClickException(f"{issuer} describes another server, {server.get('issuer')}")
        if "device_authorization_endpoint" not in server:
            raise click.ClickException(f"{server.get('issuer')} does not offer device codes")
        asked = {
            "client_id": client_id,
            "resource": named,
            "scope": extract_scope_from_www_auth(challenge) or "",
        }
        answer = await http.post(str(server["device_authorization_endpoint"]), data=asked)
        begun = _json(answer)
        if begun.get("error") in {"invalid_client", "unauthorized_client"}:
            raise click.ClickException(
                f"{issuer} gives {client_id} no device codes; an operator allows that with: gatepost "
                f"auth-server clients add {client_id} --name NAME --device"
            )
        if answer.status_code != 200:
            raise click.ClickException(str(begun.get("error_description") or begun))
        echo(
            f"Open {begun['verification_uri']} on any device, sign in, and enter this code:\n"
            f"  {begun['user_code']}",
            err=True,
        )
        form = {
            "grant_type": _GRANT_TYPE,
            "device_code": str(begun["device_code"]),
            "client_id": client_id,
        }
        return await _poll(
            http, str(server["token_endpoint"]), form, float(begun.get("interval", 5))
        )


async def _poll(
    http: httpx2.AsyncClient, url: str, form: Mapping[str, str], interval: float
) -> BearerToken:
    failures = 0
    while True:
        await asyncio.sleep(interval)
        try:
            body = _json(await http.post(url, data=form))
        except (httpx2.TransportError, ValueError):
            # The person may be typing meanwhile: ask again, less often (§3.5).
            interval = min(interval * 2, _LONGEST_INTERVAL)
            failures += 1
            if failures > _MOST_FAILURES:
                raise click.ClickException(f"{url} does not answer as a server should") from None
            continue
        failures = 0
        match body.get("error"):
            case None if "access_token" in body:
                return BearerToken(str(body["access_token"]))
            case "authorization_pending":
                continue
            case "slow_down":
                interval += 5
            case "temporarily_unavailable":
                interval = max(interval, 10)
            case "access_denied":
                raise click.ClickException(
                    "access was denied in the browser; nothing was connected"
                )
            case "expired_token":
                raise click.ClickException("nobody entered the code in time; run the command again")
            case error:
                raise click.ClickException(str(body.get("error_description") or error or body))


async def _read(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    return _json((await http.get(url)).raise_for_status())


def _json(answer: httpx2.Response) -> dict[str, Any]:
    body = answer.json()
    if not isinstance(body, dict):
        raise click.ClickException(f"{answer.url} did not answer with a JSON object")
    return body


def _metadata_url(issuer: str) -> str:
    """Return the address of a server's metadata (RFC 8414 §3.1)."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"
