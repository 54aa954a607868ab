"""Record requests to other servers, by their hosts alone.

Other servers are not told of the trace, which is nothing to providers, Stripe or webhooks.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2

from gatepost.tracing import names
from gatepost.tracing.current import calling

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def calling_http(method: str, url: str) -> "AbstractContextManager[Span | None]":
    """Record a request as part of the current trace, if there is one."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return calling(method, {names.HTTP_METHOD: method, names.SERVER_ADDRESS: host})


class TracedClient(httpx2.AsyncClient):
    """A client whose requests are recorded."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request."""
        return await send_recorded(super().send, request, **options)


async def send_recorded(
    send: Callable[..., Awaitable[httpx2.Response]], request: httpx2.Request, **options: Any
) -> httpx2.Response:
    """Send a request with a client's own method, as part of the current trace, if there is one."""
    with calling_http(request.method, str(request.url)) as span:
        response = await send(request, **options)
        if span is not None:
            span.set_attribute(names.HTTP_STATUS, response.status_code)
        return response
