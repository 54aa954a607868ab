"""How one MCP server is spoken to, found out once, and the sessions of the handshake era."""

from mcp_gateway.remote.messages import STATELESS, Protocol

Owner = tuple[str, ...]
"""Whoever has a token of their own has a session of their own, because a server may keep state in it."""
_MOST = 10_000


class ForeignSession(Exception):
    """The server gave a caller the session of another one."""


class Sessions:
    """Remembers a server's protocol, and the session of each caller; it outlives catalogues."""

    def __init__(self) -> None:
        """Know nothing of the server."""
        self._shared: Protocol | None = None
        self._own: dict[Owner, Protocol] = {}
        self._owners: dict[str, Owner] = {}
        self.is_handshake = False
        """Whether the server is known not to speak the stateless revision."""

    def of(self, owner: Owner) -> Protocol | None:
        """Return how to speak to the server for a caller; None if that must be found out."""
        return self._shared or self._own.get(owner)

    def remember(self, owner: Owner, protocol: Protocol) -> None:
        """Remember how to speak to the server for a caller; without a session, for everybody.

        Raises:
            ForeignSession: the session is another caller's.
        """
        self.is_handshake = protocol.version != STATELESS
        if not protocol.session:
            self._shared = protocol
            return
        if self._owners.get(protocol.session, owner) != owner:
            raise ForeignSession
        self._remove(owner)
        if len(self._own) >= _MOST:
            self._remove(next(iter(self._own)))
        self._own[owner] = protocol
        self._owners[protocol.session] = owner

    def forget(self, owner: Owner, protocol: Protocol) -> None:
        """Forget what the server refuses, unless something newer has replaced it."""
        if self._shared is protocol:
            self._shared, self.is_handshake = None, False
        if self._own.get(owner) is protocol:
            self._remove(owner)

    def _remove(self, owner: Owner) -> None:
        if (protocol := self._own.pop(owner, None)) is not None:
            del self._owners[protocol.session]
