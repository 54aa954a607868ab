"""The HTTP client of the Stripe library, on the client that this server uses everywhere."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2
import stripe

from auth_server.outbound.traced import TracedClient

_TIMEOUT = 20.0
Sleep = Callable[[float], Awaitable[None]]


class StripeHttp(stripe.HTTPClient):
    """Sends the library's requests; the library retries them with the same idempotency key."""

    name = "httpx2"

    def __init__(
        self, transport: httpx2.AsyncBaseTransport | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Open the client; a transport replaces the network in tests."""
        super().__init__()
        self._sleep = sleep
        self._http = TracedClient(
            transport=transport, timeout=_TIMEOUT, follow_redirects=False, trust_env=False
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request.

        Raises:
            stripe.APIConnectionError: there was no answer.
        """
        try:
            answer = await self._http.request(method, url, headers=headers, content=post_data)
        except httpx2.HTTPError as error:
            problem = f"no answer: {type(error).__name__}"
            lost: Any = stripe.APIConnectionError
            raise lost(problem, should_retry=True) from error
        return answer.content, answer.status_code, answer.headers

    def sleep_async(self, secs: float) -> Awaitable[None]:
        """Wait before a retry."""
        return self._sleep(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        await self._http.aclose()
