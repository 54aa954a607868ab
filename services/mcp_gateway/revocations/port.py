"""Where news of revocations comes from."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from gatepost.revocations import Revocation


class FeedBroken(Exception):
    """The feed can't be read; the message says why, for the log."""


class RevocationFeed(Protocol):
    """One way to follow the authorization server's revocations."""

    def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Answer everything that counts now, then what is new, as soon as it is announced.

        An empty answer says that there is nothing new, so that silence means trouble. One may come
        more than once. Iterating again begins again from what counts now.

        Raises:
            FeedBroken: it can't be read any more; begin again.
        """
        ...
