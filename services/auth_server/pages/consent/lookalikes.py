"""Detect apps with the names of well-known companies to which they do not belong."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from disarm import skeleton_key

from auth_server.records.clients.invisible import strip_invisible
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
# Digits and signs that look like letters. `skeleton_key` knows those of other alphabets.
_SIGNS = str.maketrans("0123456789@$!|", "olzeasbtbgasll")
# Letters that look like another letter, after the fold of I, l and 1 into one.
_FOLDS = (("i", "l"), ("j", "l"), ("rn", "m"), ("vv", "w"), ("q", "g"))
_SHORTEST_BEGINNING = 6
# After a name, these make an ordinary word: "windsurfing", "cursory", "Claudette".
_ENDINGS = frozenset(
    ["al", "d", "ds", "ed", "er", "ers", "ial", "ing", "ish", "l", "ly", "s", "tte", "y"]
)


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A well-known name; `home` is its owner's host, or empty for a name of ours."""

    name: str
    home: str


def find_lookalike(
    client: Client, redirect_uri: str, *, own_names: Collection[str]
) -> Lookalike | None:
    """Find a name in a client's name that belongs to another owner (A45).

    Managed and verified clients may have any name. Any other client belongs to the host of its document, or of
    its https redirect URI, because nobody else can read responses there.

    Args:
        client: the client that requests access.
        redirect_uri: where it receives the response.
        own_names: the names of the connected service and of this server.
    """
    if client.source == "managed" or client.verified_at is not None:
        return None
    hosts = {_host(client.client_id), "" if is_loopback(redirect_uri) else _host(redirect_uri)}
    readings = list(_readings(client.name))
    for name in own_names:
        if _is_among(readings, _fold(name)):
            return Lookalike(name, "")
    for name, homes in _OWNERS.items():
        known = any(_is_at(host, home) for host in hosts for home in homes)
        if not known and _is_among(readings, _FOLDED_NAMES[name]):
            return Lookalike(name, homes[0] if homes else "")
    return None


def _is_among(readings: Iterable[Sequence[str]], wanted: str) -> bool:
    return len(wanted) >= 3 and any(_contains(words, wanted) for words in readings)


def _contains(words: Sequence[str], wanted: str) -> bool:
    """Return whether words that follow each other make up the name, as in "Chat GPT"."""
    for at, word in enumerate(words):
        rest = word.removeprefix(wanted)
        if word != rest and len(wanted) >= _SHORTEST_BEGINNING and rest not in _FOLDED_ENDINGS:
            return True
        joined = ""
        for following in words[at:]:
            joined += following
            if joined == wanted:
                return True
            if len(joined) > len(wanted):
                break
    return False


def _readings(name: str) -> Iterator[Sequence[str]]:
    """Read a name as words, with its digits and signs as letters or as gaps between words.

    "cl" may be a "d". Words also begin where the letters' case says so, as in "ChatGPT".
    """
    text = _simplify(name)
    for signs in (text.translate(_SIGNS), text):
        letters = "".join(c if c.isalpha() else " " for c in signs)
        whole = [_fold_look(word) for word in letters.split()]
        yield whole
        yield [word.replace("cl", "d") for word in whole]
        yield [_fold_look(part) for part in _WORD.sub(r" \g<0>", letters).split()]


def _fold(name: str) -> str:
    letters = (c for c in _simplify(name) if c.isalnum())
    return _fold_look("".join(letters))


def _simplify(name: str) -> str:
    """Remove what is invisible, accents, and forms such as full width."""
    plain = unicodedata.normalize("NFKD", strip_invisible(name))
    return "".join(c for c in plain if not unicodedata.category(c).startswith("M"))


def _fold_look(word: str) -> str:
    """Reduce a word to its look (UTS #39 §4, and the folds of this module)."""
    look: str = skeleton_key(word, digit_policy="tr39")
    for seen, meant in _FOLDS:
        look = look.replace(seen, meant)
    return look


# A capital followed by a small letter, or the first of several capitals.
_WORD = re.compile(r"(?<=[^\W\d_])(?:(?<![A-Z])[A-Z]+|[A-Z](?=[a-z]))")
_FOLDED_ENDINGS = frozenset(_fold_look(ending) for ending in _ENDINGS)
_FOLDED_NAMES = {name: _fold(name) for name in _OWNERS}


def _host(url: str) -> str:
    parts = urlsplit(url)
    return parts.hostname or "" if parts.scheme == "https" else ""


def _is_at(host: str, home: str) -> bool:
    return host == home or host.endswith(f".{home}")
