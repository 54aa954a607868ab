"""The directory in whose name a request acts, and how it is refused."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Directory:
    """A tenant's directory, which a request with one of its tokens changes.

    Attributes:
        tenant_id: the tenant.
        provider: its own provider, by the name in the settings.
        issuer: the provider's issuer.
        token_id: the token.
        data_scope: the data that new members see; empty for all.
        lifetime: how long access tokens live.
        idle: how long a session lives that is not used.
    """

    tenant_id: str
    provider: str
    issuer: str
    token_id: str
    data_scope: str
    lifetime: timedelta
    idle: timedelta


class DirectoryRefused(Exception):
    """The provider can't do this here.

    Attributes:
        kind: `uniqueness` if something has the value already, else `invalidValue` (RFC 7644 §3.12).
    """

    def __init__(self, kind: Literal["uniqueness", "invalidValue"], text: str) -> None:
        """Take the kind and a text that names the attribute and the fix."""
        super().__init__(text)
        self.kind = kind
