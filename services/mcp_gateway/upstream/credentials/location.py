"""The location of a credential in a request (OpenAPI 3.1.1 §4.8.27)."""

import json
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from mcp_gateway.catalogue.security_scheme import SecurityScheme
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.credentials.port import NoCredential

_COOKIE = frozenset(
    "!#$%&'()*+-./:<=>?@[]^_`{|}~"
)  # RFC 6265 §4.1.1, in addition to letters and digits


@dataclass(frozen=True, slots=True)
class CredentialLocation:
    """A header, a query parameter or a cookie, which overrides an argument at that location."""

    kind: str
    """`bearer`, `basic`, `header`, `query` or `cookie`."""
    name: str = ""

    @classmethod
    def of(cls, written: str) -> "CredentialLocation":
        """Parse a location from the settings, such as `query api_key`."""
        kind, _, name = written.partition(" ")
        return cls(kind, name)

    @classmethod
    def of_scheme(cls, scheme: SecurityScheme) -> "CredentialLocation":
        """Return the location of a security scheme; a token is sent as in RFC 6750 §2.1."""
        match scheme.kind:
            case "header" | "query" | "cookie":
                return cls(scheme.kind, scheme.name)
            case "basic" | "bearer":
                return cls(scheme.kind)
            case _:
                return cls("bearer")

    @property
    def header(self) -> str:
        """The name of the header that carries it; "" for a query parameter."""
        if self.kind == "query":
            return ""
        return {"header": self.name, "cookie": "Cookie"}.get(self.kind, "Authorization")

    def write(self, secret: str) -> str:
        """Write the value for its location.

        Raises:
            NoCredential: the secret is not valid at this location.
        """
        fits = secret.isascii() and secret.isprintable()
        if self.kind == "cookie":
            fits = all(c in _COOKIE or (c.isascii() and c.isalnum()) for c in secret)
        if not secret or (self.kind != "query" and (not fits or secret != secret.strip())):
            raise NoCredential(
                "The gateway's credential for the API is not valid where it must be sent. Nothing "
                "was sent. The operator has to set it again."
            )
        match self.kind:
            case "bearer":
                return f"Bearer {secret}"
            case "basic":
                return f"Basic {b64encode(secret.encode()).decode()}"
            case "query":
                return quote(secret, safe="")
            case _:
                return secret

    def forms(self, secret: str) -> tuple[str, ...]:
        """Return the forms of the secret that must be hidden: as sent, and those of any argument."""
        sent = self.write(secret).rpartition(" ")[2]
        return tuple(dict.fromkeys((sent, *forms_in_argument(secret))))

    def put(self, request: HttpRequest, secret: str) -> HttpRequest:
        """Return the request with the secret added."""
        value = self.write(secret)
        if self.kind == "query":
            url = _with_query(request.url, self.name, value)
            return HttpRequest(request.method, url, request.headers, request.body)
        name = self.header
        kept, cookies = [], []
        for header in request.headers:
            if header[0].lower() != name.lower():
                kept.append(header)
            elif self.kind == "cookie":
                pairs = header[1].split("; ")
                cookies += [pair for pair in pairs if pair.partition("=")[0] != self.name]
        if self.kind == "cookie":
            value = "; ".join([*cookies, f"{self.name}={value}"])
        return HttpRequest(request.method, request.url, (*kept, (name, value)), request.body)


def forms_in_argument(secret: str) -> tuple[str, ...]:
    """Return the forms to hide of a secret: itself, in a URL or form, and as JSON is written."""
    in_json = [json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)]
    # PHP escapes slashes in JSON.
    escaped = [text.replace("/", "\\/") for text in in_json]
    return tuple(dict.fromkeys((secret, quote(secret, safe=""), *in_json, *escaped)))


def _with_query(url: str, name: str, value: str) -> str:
    base, _, query = url.partition("?")
    kept = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) != name]
    pairs = [*filter(None, kept), quote(name, safe="") + "=" + value]
    return base + "?" + "&".join(pairs)
