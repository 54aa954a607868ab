"""The port through which the pipeline gets credentials."""

from typing import Protocol

from gatepost.claims import AccessClaims


class NoCredential(Exception):
    """A credential is not available for this call; the message is for the model."""

    is_for_person = False
    """Whether the person can provide it at any moment, so that the next call looks again."""


class CredentialSource(Protocol):
    """The source of one credential: the same for all, or one for each tenant or person."""

    async def resolve(self, caller: AccessClaims, *, within: float) -> str:
        """Return the caller's secret within `within` seconds.

        Raises:
            NoCredential: the secret does not exist, or is unavailable at the moment.
        """
        ...

    def reject(self, caller: AccessClaims, secret: str) -> bool:
        """Record that the upstream refused a secret; return whether another may be available."""
        ...
