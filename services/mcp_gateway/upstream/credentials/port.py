"""What the pipeline needs of whatever holds a credential."""

from typing import Protocol

from gatepost.claims import AccessClaims


class NoCredential(Exception):
    """There is none for this call; the message is what the model may read."""


class CredentialSource(Protocol):
    """Holds one credential: the same for all, or one for each tenant or person."""

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Answer the caller's secret within so many seconds.

        Raises:
            NoCredential: there is none, or it can't be had now.
        """
        ...

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Note that the upstream refused a secret; answer whether another may be had."""
        ...
