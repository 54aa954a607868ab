"""The official SDK's client of an organisation that connects its people's apps (SEP-990, ID-JAG).

`python -m support.processes.managed_client URL` connects to the servers of the conformance suite.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from support.processes.discovery import discover


class Memory:
    """Keeps the client's tokens."""

    tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """Return them."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Take new ones."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return nothing: the provider knows its client."""
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Refuse a registration."""
        raise AssertionError("it is registered already")


async def exchange_id_token(
    http: httpx2.AsyncClient,
    token_endpoint: str,
    id_token: str,
    *,
    audience: str,
    resource: str,
    **client: str,
) -> str:
    """Exchange an ID token at the organisation's provider for an assertion (RFC 8693)."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "subject_token": id_token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "audience": audience,
        "resource": resource,
        **client,
    }
    answer = await http.post(token_endpoint, data=form)
    return str(answer.raise_for_status().json()["access_token"])


@asynccontextmanager
async def managed_client(
    url: str, provider: IdentityAssertionOAuthProvider
) -> AsyncIterator[Client]:
    """Connect to an MCP endpoint with what the organisation's provider asserts."""
    async with (
        httpx2.AsyncClient(auth=provider, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def main(url: str, context: dict[str, Any]) -> None:
    """Connect with the ID token that the suite made, and list the tools."""
    async with httpx2.AsyncClient(trust_env=False) as outside:

        async def assertion(audience: str, resource: str) -> str:
            return await exchange_id_token(
                outside,
                context["idp_token_endpoint"],
                context["idp_id_token"],
                audience=audience,
                resource=resource,
                client_id=context["idp_client_id"],
            )

        provider = IdentityAssertionOAuthProvider(
            url,
            Memory(),
            client_id=context["client_id"],
            client_secret=context["client_secret"],
            issuer=(await discover(outside, url))["issuer"],
            assertion_provider=assertion,
            token_endpoint_auth_method="client_secret_basic",
        )
        async with managed_client(url, provider) as client:
            await client.list_tools()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])))
