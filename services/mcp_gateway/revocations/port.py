"""The port through which a gateway follows revocations."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from gatepost.revocations import Revocation


class RevocationFeed(Protocol):
    """Follows the authorization server's revocations."""

    def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Yield all current revocations, then new ones as soon as they are announced.

        An empty list means that there is nothing new, so silence means that the feed is down. A
        revocation may come more than once. A new iteration starts with all current revocations.

        Raises:
            FeedBroken: the feed can no longer be read; iterate again.
        """
        ...
