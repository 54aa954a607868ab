"""The request that an assertion must have been signed for."""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True, slots=True)
class DecodedUrl:
    """A URL as a WSGI server tells it (PEP 3333): the path without its percent-encoding.

    It is as exact as the app's own view, since the app sees no other path either.
    """

    base_url: str
    path: bytes
    query: str

    def matches(self, htu: str) -> bool:
        """Return whether the signed URL is this one."""
        if not htu.startswith(f"{self.base_url}/"):
            return False
        path, _, query = htu.removeprefix(self.base_url).partition("?")
        return unquote_to_bytes(path) == self.path and query == self.query

    def __str__(self) -> str:
        """Write the URL without its query, which may contain personal data."""
        return self.base_url + self.path.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class ExactUrl:
    """A URL exactly as it was sent."""

    url: str

    def matches(self, htu: str) -> bool:
        """Return whether the signed URL is this one."""
        return htu == self.url

    def __str__(self) -> str:
        """Write the URL without its query, which may contain personal data."""
        return self.url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Presented:
    """The method, the URL and the body's bytes of a request."""

    method: str
    url: ExactUrl | DecodedUrl
    body: bytes
