"""Notes of which clients refresh their tokens, written once a minute."""

from collections.abc import Sequence

_MOST = 10_000


class Refreshes:
    """Collects the clients that refreshed at this process, until `take` returns them once a minute.

    A refresh writes nothing more than its tokens. A process that is killed loses its last minute, and
    of very many clients some are noted later.
    """

    def __init__(self) -> None:
        """Start without clients."""
        self._clients = set[str]()

    def note(self, client_id: str) -> None:
        """Note that a client refreshed a token."""
        if len(self._clients) < _MOST:
            self._clients.add(client_id)

    def take(self) -> Sequence[str]:
        """Return the ids of the clients in order, and forget them."""
        clients, self._clients = self._clients, set()
        return sorted(clients)
