"""One API behind the gateway, as the settings describe it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from mcp_gateway.apis.api_settings import ApiSettings, UpstreamConnections
from mcp_gateway.apis.credential_settings import AnyCredential

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Api:
    """One API behind the gateway: its tools, its address, and what the gateway sends to it."""

    name: str
    """Its name in the settings; empty if they describe a single API without a name."""
    prefix: str
    """Precedes the names that the manifest gives to tools, prompts and resources."""
    manifest: Path
    url: str
    """The base URL of the operations that don't have their own server."""
    audience: str
    """`aud` of the identity assertions."""
    headers: Headers = field(default=(), repr=False)
    """Headers of every request to the API's own origin."""
    credentials: Mapping[str, AnyCredential] = field(default_factory=dict)
    """Credentials by the names of security schemes of the OpenAPI document."""
    connections: UpstreamConnections = "shared"
    concurrency: int = 512
    """How many concurrent calls this process makes to one origin of the API."""
    per_minute: int | None = None
    """Calls a minute that one tenant may make to it; None if only the limits of its plan count."""

    @classmethod
    def of(cls, name: str, settings: ApiSettings, *, prefix: str) -> Self:
        """Take an API from its settings."""
        return cls(
            name=name,
            prefix=prefix,
            manifest=settings.manifest,
            url=settings.url,
            audience=settings.audience or settings.url,
            headers=tuple(
                (header, value.get_secret_value()) for header, value in settings.headers.items()
            ),
            credentials=settings.credentials,
            connections=settings.connections,
            concurrency=settings.concurrency,
            per_minute=settings.per_minute,
        )

    def setting(self, key: str) -> str:
        """Return the full name of one of its settings, such as `url`, for messages."""
        return f"apis.{self.name}.{key}" if self.name else f"upstream_{key}"
