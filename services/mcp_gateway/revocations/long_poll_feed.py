"""Following the authorization server itself: a request that waits for news."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from pydantic import ValidationError

from gatepost.revocations import LONGEST_WAIT, Revocation, RevocationsPage
from mcp_gateway.revocations.port import FeedBroken

Ask = Callable[[str, int], Awaitable[bytes]]
"""Ask for what came after a place, waiting so many seconds for the first of it.

Answers the body of a 200, or raises `FeedBroken`.
"""


class LongPollFeed:
    """Reads the feed by long polling; where it ended it goes on from."""

    def __init__(self, ask: Ask) -> None:
        """Take the way to ask."""
        self._ask = ask

    async def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Answer everything that counts now, then what is new.

        Raises:
            FeedBroken: no answer, or one that is not a page of revocations.
        """
        # The first answer must not wait: that nothing was revoked is news, too.
        after, wait = "", 0
        while True:
            body = await self._ask(after, wait)
            try:
                page = RevocationsPage.model_validate_json(body)
            except ValidationError:
                raise FeedBroken("the answer is not a page of revocations") from None
            after, wait = page.after, LONGEST_WAIT
            yield page.revocations
