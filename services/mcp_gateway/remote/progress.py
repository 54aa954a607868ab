"""Pass on how far a server says that a call has come."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeGuard


class Progress:
    """The newest report about one call, for a client that hears of each step of a slow tool.

    Only numbers are passed on: no check could find another tenant's data in the server's words.
    """

    def __init__(self) -> None:
        """Start with a call that has just been sent."""
        self._share = 0.0
        self._said = ""
        self._changed = asyncio.Event()

    def note(self, params: Mapping[str, Any]) -> None:
        """Take the params of `notifications/progress` (MCP progress), unless it is no further than before."""
        done, total = params.get("progress"), params.get("total")
        if not _is_positive(done):
            return
        if _is_positive(total):
            share, said = min(done / total, 1.0), f"{min(done, total):g} of {total:g}"
        else:
            share, said = done / (done + 1), f"{done:g}"
        if share > self._share:
            self._share, self._said = share, said
            self._changed.set()

    async def tell(self, report: Callable[[float, int, str], Awaitable[None]]) -> None:
        """Tell the client of each report, between the stages `1 of 2` and `2 of 2` of the gateway."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            # Not 2: the API has not answered yet.
            done = 1 + 0.99 * self._share
            await report(done, 2, f"The API has come to {self._said}")


def _is_positive(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
