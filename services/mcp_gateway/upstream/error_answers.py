"""Reduce an error answer to the parts that the API meant for its caller.

The model reads problem details (RFC 9457) and their common equivalents: a message, a code, the invalid
fields. It does not read pages, stack traces, or text that looks like a secret, an internal host or a
file of the server.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

import orjson

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.bodies import essence, is_json
from mcp_gateway.text import tidy_text

_LONGEST = 2000
"""Characters of the upstream's own text in total."""
_MOST_READ = 2 * _LONGEST
"""Characters that are searched for secrets, which takes microseconds for each."""
_LONGEST_TEXT = 500
_LONGEST_BODY = 1 << 16
_MOST_ITEMS = 20
_DEEPEST = 4
# Members of RFC 9457 §3.1, then other common ones; any other member may contain internal details.
_PROBLEM = ("title", "detail", "errors")
_USUAL = (*_PROBLEM, "error", "error_description", "message", "code")
_INTERNAL_KEYS = re.compile(
    r"(inner|stack|back)?_?-?(trace(back)?|exception|exc_info|debug|sql|cause|headers|env|"
    r"environment|config|request|stack|inner|innererror)s?",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"<(!doctype|html|head|body|div|pre|h\d|p|br|table|script|style)\b", re.IGNORECASE
)
# A text from here on describes the server's code.
_TRACE = re.compile(
    r"Traceback \(most recent|stack ?trace:|\n[ \t]{1,40}at \S|\bat [\w$.<>]{1,200}\([\w$. ]{1,200}:\d+|"
    r'File "[^"]{1,200}", line \d|\(Background on this error|\[SQL:|\bLINE \d+:|goroutine \d+ \[|panic: ',
    re.IGNORECASE,
)
# Every repetition is bounded, so that the author of an error can't slow the search down.
_HIDDEN = re.compile(
    r"""
    \beyJ[\w-]{8,}(?:\.[\w-]+){1,4}  # a JWT
    | \b(?:bearer|basic|apikey)\s[\w~+/.=-]{8,}
    | (?<![\w-])[\w-]{0,200}(?:passw(?:or)?d|secret|token|api[_-]?key|signature|credential)
      ["']?\s?[=:]\s?["']?[^\s"',;&]+
    | \b(?:sk|pk|rk|whsec|ghp|gho|ghs|xox[abprs]|mcp)[_-][\w-]{12,}
    | \bAKIA[A-Z0-9]{12,}
    | \b[a-z][a-z0-9+.-]{1,15}://[^\s/@"']{0,80}:[^\s/@"']{0,80}@\S+  # a URL with a password
    | (?:\b[a-z][a-z0-9+.-]{1,15}://)?
      (?: \b(?:10|127|0)(?:\.\d{1,3}){3}
        | \b(?:192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}
        | \[(?:::1|f[cd][0-9a-f]{2}:[0-9a-f:]{0,40}|fe80:[0-9a-f:]{0,40})\]
        | \blocalhost
        | \b[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}
          \.(?:internal|local|localdomain|lan|corp|intranet|svc|cluster)\b[\w.]{0,60}
        | (?<=://)[\w-]{1,63}(?=[:/\s]|$)
        | \b[a-z][\w-]{0,62}(?=:\d{4,5}\b)
      )(?::\d+)?(?:/[^\s"']*)?
    | (?:/[\w.@-]{1,80}){2,12}
      \.(?:py|rb|js|mjs|ts|java|kt|go|php|cs|rs|ex|scala|sock|ya?ml|env|conf)\b(?::\d+)?
    | \b[A-Z]:\\[^\s"']+
    """,
    re.IGNORECASE | re.VERBOSE,
)


def describe_refusal(response: HttpResponse, *, advice: str = "") -> str:
    """Describe an error of the upstream, with the safe parts of its own text.

    Args:
        response: an answer whose status is not a success.
        advice: a sentence to add, such as when to try again.
    """
    try:
        phrase = f" {HTTPStatus(response.status).phrase}"
    except ValueError:
        phrase = ""
    if response.status < 400:
        return f"The API answered {response.status}{phrase}: a redirect, which is not followed."
    lines = [f"The API answered {response.status}{phrase}."]
    if advice:
        lines.append(advice)
    if said := read_said(response):
        lines.append(said)
    return "\n".join(lines)


def read_error(response: HttpResponse) -> Any:
    """Parse the JSON of an error; None if it is something else, or too long to be read."""
    if not is_json(essence(response.content_type)) or len(response.body) > _LONGEST_BODY:
        return None
    try:
        return orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None


def read_said(response: HttpResponse) -> str:
    """Return the safe parts of an error's own text."""
    media_type = essence(response.content_type)
    failed = response.status >= 500
    if media_type == "text/plain" and not failed:
        return tell_apart(response.body[: _LONGEST * 4].decode(errors="replace"))
    parsed = read_error(response)
    if not isinstance(parsed, dict):
        return ""
    # A 5xx body is usually the text of an exception, unless it is problem details.
    members = _USUAL if not failed else _PROBLEM if media_type.endswith("problem+json") else ()
    lines = []
    reader = _Reader()
    for member in members:
        kept = reader.reduce(parsed.get(member), _DEEPEST)
        if kept not in (None, "", [], {}):
            said = kept if isinstance(kept, str) else orjson.dumps(kept).decode()
            lines.append(f"{member}: {said}")
    return _cut("\n".join(lines), _LONGEST)


class _Reader:
    """Reads the parts of an error, up to a number of characters in total."""

    def __init__(self) -> None:
        self._left = _MOST_READ

    def reduce(self, value: Any, depth: int) -> Any:
        """Keep the parts of a JSON value that are short, shallow and not about the server itself."""
        if self._left <= 0:
            return None
        if isinstance(value, str):
            return self._read(value)
        self._left -= 1
        if isinstance(value, int | float) or value is None:
            return value
        if not depth:
            return None
        if isinstance(value, list):
            reduced = [self.reduce(item, depth - 1) for item in value[:_MOST_ITEMS]]
            return [item for item in reduced if item not in (None, "", [], {})]
        kept: Mapping[str, Any] = {
            self._read(key): self.reduce(item, depth - 1)
            for key, item in islice(value.items(), _MOST_ITEMS)
            if not _INTERNAL_KEYS.fullmatch(key)
        }
        return {key: item for key, item in kept.items() if key and item not in (None, "", [], {})}

    def _read(self, text: str) -> str:
        if len(text) > self._left:
            # Up to a space, so that a secret is not cut in half.
            text = text[: max(self._left, 0)].rpartition(" ")[0]
        self._left -= len(text) + 1
        return tell_apart(text)


def tell_apart(text: str) -> str:
    """Keep the part of a text that is for the caller; return an empty text for an HTML page.

    The text is cut at a stack trace; secrets, internal hosts and the server's own files become
    `[hidden]`.
    """
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0]  # so that a secret is not cut in half
    if _PAGE.search(text):
        return ""
    if trace := _TRACE.search(text):
        text = text[: trace.start()]
    return _cut(_HIDDEN.sub("[hidden]", tidy_text(text)), _LONGEST_TEXT)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
