"""One secret for all calls."""

from dataclasses import dataclass, field

from gatepost.claims import AccessClaims


@dataclass(frozen=True, slots=True)
class Static:
    """Holds the secret that the settings name."""

    secret: str = field(repr=False)

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Answer it."""
        return self.secret

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """There is no other."""
        return False
