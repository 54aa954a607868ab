"""Use one secret for all calls."""

from dataclasses import dataclass, field

from gatepost.claims import AccessClaims


@dataclass(frozen=True, slots=True)
class Static:
    """Holds the secret that the settings name."""

    secret: str = field(repr=False)

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Return the secret."""
        return self.secret

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Return `False`, since there is no other secret to try."""
        return False
