"""Follow the authorization server by long polling."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from pydantic import ValidationError

from gatepost.revocations import LONGEST_WAIT, Revocation, RevocationsPage
from mcp_gateway.follow_feed import FeedBroken

Ask = Callable[[str, int], Awaitable[bytes]]
"""Asks for the revocations after a position, and waits up to that many seconds for the first.

Returns the body of a 200, or raises `FeedBroken`.
"""


class LongPollFeed:
    """Reads the feed by long polling, each time from the position of the last answer."""

    def __init__(self, ask: Ask) -> None:
        """Take the function that asks the authorization server."""
        self._ask = ask

    async def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Yield all current revocations, then new ones.

        Raises:
            FeedBroken: there was no answer, or it was not a page of revocations.
        """
        # The first answer must not wait, since an empty one shows that the feed is up.
        after, wait = "", 0
        while True:
            body = await self._ask(after, wait)
            try:
                page = RevocationsPage.model_validate_json(body)
            except ValidationError:
                raise FeedBroken("the answer is not a page of revocations") from None
            after, wait = page.after, LONGEST_WAIT
            yield page.revocations
