"""A security scheme of the OpenAPI document, which says where a credential goes."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["header", "query", "cookie", "basic", "bearer", "client_credentials", "other"]


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """One way in which the upstream authenticates callers."""

    scheme: str
    """The scheme's name in the document."""
    kind: Kind
    """`other` is a kind the gateway does not support: OAuth without client credentials, OpenID
    Connect or mutual TLS. An exchanged token or the identity assertion can replace it."""
    name: str = ""
    """The header, query parameter or cookie of an API key."""
    token_url: str = ""
    """Where `client_credentials` gets its tokens, as the document states it."""
    scopes: tuple[str, ...] = ()
    """The scopes that may be requested there."""

    def __str__(self) -> str:
        """Describe where the credential goes, for the coverage report."""
        match self.kind:
            case "header" | "query" | "cookie":
                return f"{self.scheme}: an API key in the {self.kind} {self.name!r}"
            case "basic" | "bearer":
                return f"{self.scheme}: Authorization: {self.kind.capitalize()}"
            case "client_credentials":
                return f"{self.scheme}: an OAuth token by client credentials from {self.token_url}"
            case _:
                return f"{self.scheme}: {self.name}"
