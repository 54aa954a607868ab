"""An MCP client of a cloud's or CI system's workload: its platform's JWT is all that it has (SEP-1933).

`python -m support.processes.workload_client URL` connects to the server of the conformance suite.
"""

import asyncio
import json
import os
import sys
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from support.processes.discovery import discover

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def get_token(http: httpx2.AsyncClient, url: str, assertion: str, **form: str) -> str:
    """Exchange the assertion for an access token, once: a refusal is final."""
    metadata = await discover(http, url)
    assert JWT_BEARER in metadata["grant_types_supported"]
    assert "none" in metadata["token_endpoint_auth_methods_supported"]
    sent = {"grant_type": JWT_BEARER, "assertion": assertion, "resource": url, **form}
    answer = await http.post(metadata["token_endpoint"], data=sent)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def list_tools(http: httpx2.AsyncClient, url: str, access_token: str) -> set[str]:
    """List the tools as the official SDK does."""
    http.headers["authorization"] = f"Bearer {access_token}"
    async with Client(streamable_http_client(url, http_client=http)) as client:
        return {tool.name for tool in (await client.list_tools()).tools}


async def main(url: str, context: dict[str, Any]) -> None:
    """Connect with the JWT that the suite made, and list the tools."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        await list_tools(http, url, await get_token(http, url, context["valid_jwt"]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])))
