"""Reading a gateway's keys where the operator said they are."""

import httpx2

from auth_server.outbound.guarded_fetch import Fetched, FetchRefused

_LIMIT = 64 * 1024


async def fetch_key_set(http: httpx2.AsyncClient, url: str) -> Fetched:
    """Fetch a key set from a configured address, on a private network too.

    Raises:
        FetchRefused: no answer, another status than 200, or too large.
    """
    try:
        async with http.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise FetchRefused(f"status {answer.status_code}")
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LIMIT:
                    raise FetchRefused(f"larger than {_LIMIT} bytes")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise FetchRefused(f"no answer ({type(error).__name__})") from None
    sent = answer.headers
    return Fetched(bytes(body), sent.get("content-type", ""), sent.get("cache-control", ""))
