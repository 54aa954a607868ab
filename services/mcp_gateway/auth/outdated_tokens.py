"""Tokens that were issued for a tool list as it was before."""

from gatepost.allowed_tools import Toolsets
from gatepost.claims import AccessClaims
from gatepost.clock import Now

_KNOWN_WITHIN = 90.0
"""Seconds within which the authorization server has read a new catalogue: it does each minute."""
_CLOCKS_DIFFER = 60.0
"""Seconds by which no token is taken for older than it is."""


class OutdatedTokens:
    """Recognises tokens that name a toolset as the current catalogue does not know it."""

    def __init__(self, toolsets: Toolsets, now: Now) -> None:
        """Take the toolsets that are served from now on."""
        self._now = now
        self.switch(toolsets)

    def switch(self, toolsets: Toolsets) -> None:
        """Take the toolsets of another catalogue, served from now on."""
        self._toolsets = toolsets
        self._since = self._now().timestamp()

    def include(self, caller: AccessClaims) -> bool:
        """Tell whether a new token would know more than this one.

        A token is refreshed once for that: one that is newer than the authorization server's
        knowledge of the catalogue stays, whatever it names.
        """
        known_at = self._since + _KNOWN_WITHIN
        if caller.iat >= known_at or self._now().timestamp() < known_at + _CLOCKS_DIFFER:
            return False
        return not self._toolsets.know(caller.allowed_tools)
