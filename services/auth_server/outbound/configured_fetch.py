"""Read a gateway's keys at the address that the operator configured."""

import httpx2

from auth_server.outbound.guarded_fetch import Fetched, FetchRefused

_LIMIT = 64 * 1024


async def fetch_key_set(http: httpx2.AsyncClient, url: str) -> Fetched:
    """Fetch a key set from a configured address, which may be in a private network.

    Raises:
        FetchRefused: there is no response, its status is not 200, or it is too large.
    """
    # A cache on the way must not answer: a key that has just appeared may be wanted.
    headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
    try:
        async with http.stream("GET", url, headers=headers) as answer:
            if answer.status_code != 200:
                raise FetchRefused(f"status {answer.status_code}")
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LIMIT:
                    raise FetchRefused(f"larger than {_LIMIT} bytes")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FetchRefused(f"no response ({type(error).__name__})") from None
    sent = answer.headers
    return Fetched(bytes(body), sent.get("content-type", ""), sent.get("cache-control", ""))
