"""Send a batch over HTTP and read what the answer shows."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import httpx2

from auth_server.exports.port import COUNTED, Attempt, Kind, Usage
from auth_server.outbound.traced import TracedClient

NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

PostBatch = Callable[[Sequence[Usage]], Awaitable[httpx2.Response]]


def open_http(transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """Open a client for a configured address; a transport replaces the network in tests."""
    return TracedClient(transport=transport, timeout=20, follow_redirects=False, trust_env=False)


async def send_batch(post: PostBatch, batch: Sequence[Usage]) -> Mapping[str, Attempt]:
    """Post a batch; if the system refuses it, post each part alone to find the bad one."""
    attempt = await attempt_post(post, batch)
    if attempt.kind is not Kind.REFUSED or len(batch) == 1:
        return dict.fromkeys([usage.identifier for usage in batch], attempt)
    return {usage.identifier: await attempt_post(post, [usage]) for usage in batch}


async def attempt_post(post: PostBatch, batch: Sequence[Usage]) -> Attempt:
    """Post once, and say what the status shows."""
    try:
        answer = await post(batch)
    except NOT_SENT as error:
        return Attempt(Kind.LATER, f"no connection: {type(error).__name__}")
    except httpx2.HTTPError as error:
        return Attempt(Kind.UNKNOWN, f"no answer: {type(error).__name__}")
    return read_status(answer.status_code)


def read_status(status: int) -> Attempt:
    """Say what a status shows of an attempt."""
    if 200 <= status < 300 or status == httpx2.codes.CONFLICT:
        return COUNTED  # a conflict means that the system knows the identifier
    problem = f"status {status}"
    if status in (401, 403, 404, 408, 425, 429):
        # A wrong key or address is mended by the operator, and the usage still counts then.
        return Attempt(Kind.LATER, problem)
    return Attempt(Kind.UNKNOWN if status >= 500 or status < 400 else Kind.REFUSED, problem)
