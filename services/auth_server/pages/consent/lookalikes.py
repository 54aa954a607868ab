"""Detect apps with the names of well-known companies to which they do not belong."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from auth_server.records.clients.redirect_uris import is_loopback
from auth_server.records.clients.table import Client

_OWNERS: dict[str, tuple[str, ...]] = {
    "Anthropic": ("anthropic.com", "claude.ai", "claude.com"),
    "ChatGPT": ("chatgpt.com", "openai.com"),
    "Claude": ("claude.ai", "claude.com", "anthropic.com"),
    "Codex": ("openai.com", "chatgpt.com"),
    "Copilot": ("github.com", "microsoft.com"),
    "Cursor": ("cursor.com", "cursor.sh"),
    "Gatepost": (),
    "Gemini": ("google.com",),
    "GitHub": ("github.com",),
    "Google": ("google.com",),
    "Microsoft": ("microsoft.com",),
    "OpenAI": ("openai.com", "chatgpt.com"),
    "Slack": ("slack.com",),
    "Visual Studio": ("vscode.dev", "visualstudio.com", "microsoft.com"),
    "VS Code": ("vscode.dev", "visualstudio.com", "microsoft.com"),
    "Windsurf": ("windsurf.com", "codeium.com"),
    "Zed": ("zed.dev",),
}
# Letters of other alphabets, digits and signs that look like Latin letters: Cyrillic, Greek,
# phonetic, then ASCII.
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04bb\u04cf"
    "\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03b1\u03b5\u03b9\u03c7"
    "\u0131\u0251\u0261"
    "013457@$|",
    "aeopcyxijsdqwhlkvoptuaeixiagoleastasl",
)
_SHORTEST_BEGINNING = 6


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A well-known name; `home` is its owner's host, or empty for a name of ours."""

    name: str
    home: str


def find_lookalike(
    client: Client, redirect_uri: str, *, own_names: Collection[str]
) -> Lookalike | None:
    """Find a name in a client's name that belongs to another owner (A45).

    Managed clients may have any name. Any other client belongs to the host of its document, or of
    its https redirect URI, because nobody else can read responses there.

    Args:
        client: the client that requests access.
        redirect_uri: where it receives the response.
        own_names: the names of the connected service and of this server.
    """
    if client.source == "managed":
        return None
    hosts = {_host(client.client_id), "" if is_loopback(redirect_uri) else _host(redirect_uri)}
    for name in own_names:
        if _is_called(client.name, name):
            return Lookalike(name, "")
    for name, homes in _OWNERS.items():
        known = any(_is_at(host, home) for host in hosts for home in homes)
        if _is_called(client.name, name) and not known:
            return Lookalike(name, homes[0] if homes else "")
    return None


def _is_called(client_name: str, name: str) -> bool:
    folded, words = _fold(name), _fold(client_name).split()
    if len(folded) < 3:
        return False
    joined = folded.replace(" ", "")
    if f" {folded} " in f" {' '.join(words)} " or joined in words:
        return True
    return len(joined) >= _SHORTEST_BEGINNING and any(word.startswith(joined) for word in words)


def _fold(name: str) -> str:
    """Reduce a name to its look: one alphabet, no marks, single spaces between words."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    letters = letters.translate(_LOOKALIKES)
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())


def _host(url: str) -> str:
    parts = urlsplit(url)
    return parts.hostname or "" if parts.scheme == "https" else ""


def _is_at(host: str, home: str) -> bool:
    return host == home or host.endswith(f".{home}")
