"""The settings of Orbit Invoicing, which `__main__` reads."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Its database, public URL, key and trusted gateway."""

    database: Path
    """The SQLite file, created and filled if it does not exist."""
    public_url: str
    """The base URL that callers use: an assertion's `aud`, and the start of its `htu`."""
    gatepost_issuer: str
    """The only `iss` accepted in an assertion: the gateway's resource string."""
    gatepost_jwks_url: str
    """The URL of the public keys for the gateway's assertions."""
    api_key: str = field(repr=False)
    """The value of `X-Api-Key` in every request: which system calls. The assertion says for whom."""
