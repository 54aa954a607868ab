"""Client registrations within a server's rate limit."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2

from gatepost_cli.doctor.deployment import PROTOCOL, is_secure, read_object

Sleep = Callable[[float], Awaitable[None]]
_LONGEST_WAIT = 120


class Registrations:
    """Registers clients and deletes them again.

    If the server refuses further registrations, it updates the last client into the next one
    (RFC 7592 §2.2), which has to pass the same rules; if that fails, it waits.
    """

    def __init__(self, http: httpx2.AsyncClient, sleep: Sleep) -> None:
        """Create a registry without clients.

        Args:
            http: does not follow redirects.
            sleep: waits for the seconds that the server's limit asks for.
        """
        self._http = http
        self._sleep = sleep
        self._last: Mapping[str, Any] | None = None
        self.left_behind = 0
        """The number of clients that could not be deleted."""

    async def register(self, endpoint: str, body: Mapping[str, Any]) -> httpx2.Response:
        """Register a client (RFC 7591 §3), or update the last one into it.

        Raises:
            httpx2.HTTPError: no answer.
        """
        answer = await self._post(endpoint, body)
        if answer.status_code == 429 and self._last is not None:
            changed = await self._change(self._last, body)
            if changed is not None:
                return changed
        wait = answer.headers.get("retry-after", "")
        if answer.status_code == 429 and wait.isdigit() and int(wait) <= _LONGEST_WAIT:
            await self._sleep(int(wait))
            answer = await self._post(endpoint, body)
        return answer

    async def delete(self) -> None:
        """Delete the last registered client (RFC 7592 §2.3)."""
        if self._last is not None and not await self._delete(self._last):
            self.left_behind += 1
        self._last = None

    async def _post(self, endpoint: str, body: Mapping[str, Any]) -> httpx2.Response:
        answer = await self._http.post(endpoint, json=body, headers=PROTOCOL)
        if answer.status_code in {200, 201}:
            await self.delete()
            self._last = read_object(answer) or {}
        return answer

    async def _change(
        self, last: Mapping[str, Any], body: Mapping[str, Any]
    ) -> httpx2.Response | None:
        place = _management(last)
        if place is None:
            return None
        url, headers = place
        changed = {**body, "client_id": last.get("client_id")}
        answer = await self._http.put(url, json=changed, headers=headers)
        if answer.status_code in {404, 405, 429}:
            return None
        if answer.is_success:
            self._last = {**last, **(read_object(answer) or {})}
        return answer

    async def _delete(self, registered: Mapping[str, Any]) -> bool:
        place = _management(registered)
        if place is None:
            return False
        url, headers = place
        try:
            answer = await self._http.delete(url, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
            return False
        return answer.is_success


def _management(registered: Mapping[str, Any]) -> tuple[str, Mapping[str, str]] | None:
    url, token = (
        registered.get(name) for name in ("registration_client_uri", "registration_access_token")
    )
    if not is_secure(url) or not isinstance(token, str):
        return None
    return str(url), {"authorization": f"Bearer {token}", **PROTOCOL}
