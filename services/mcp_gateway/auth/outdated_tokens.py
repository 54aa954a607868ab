"""Tokens that were issued for an earlier tool list."""

from gatepost.allowed_tools import Toolsets
from gatepost.claims import AccessClaims
from gatepost.clock import Now

_KNOWN_WITHIN = 90.0
"""Seconds until the authorization server has read a new catalogue, which it does every minute."""
_CLOCKS_DIFFER = 60.0
"""Seconds of tolerance for the difference between the two services' clocks."""


class OutdatedTokens:
    """Recognises tokens that name a toolset which the current catalogue does not have."""

    def __init__(self, toolsets: Toolsets, now: Now) -> None:
        """Take the toolsets of the first catalogue."""
        self._now = now
        self.switch(toolsets)

    def switch(self, toolsets: Toolsets) -> None:
        """Take the toolsets of a new catalogue, which is served from now on."""
        self._toolsets = toolsets
        self._known_at = self._now().timestamp() + _KNOWN_WITHIN

    def include(self, caller: AccessClaims) -> bool:
        """Tell whether a refreshed token would list more tools than this one.

        A token is refreshed at most once for this: tokens that were issued after the authorization
        server had read the catalogue are accepted, whatever toolsets they name.
        """
        if caller.iat >= self._known_at:
            return False
        if self._now().timestamp() < self._known_at + _CLOCKS_DIFFER:
            return False
        return not self._toolsets.know(caller.allowed_tools)
