"""Find the operations that agents should rarely get: for machines, signing in, and repetitions."""

import re
from collections.abc import Iterable
from functools import lru_cache

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.effects import only_reads
from mcp_gateway.openapi.words.english import split_words
from mcp_gateway.openapi.words.paths import path_segments

MONITORING = "monitoring and the API's own description"
SIGNING_IN = "signing in and tokens"
REPETITION = "repetitions of another operation"

_PROBE = re.compile(
    r"_?(?:health(?:z|[-_]?checks?)?|live(?:z|ness)|ready(?:z)?|readiness|ping|heartbeat)",
    re.IGNORECASE,
)
_ABOUT_SERVER = re.compile(
    r"metrics|version|versions|status|live|uptime|build[-_]?info|server[-_]?info|"
    r"openapi|swagger|swagger[-_]?ui|redoc|docs|schema|robots|favicon",
    re.IGNORECASE,
)
"""Alone in a path, or with a file's ending."""
_SIGN_IN = re.compile(
    r"(?:log|sign)[-_]?(?:in|out|up|off)|introspect(?:ion)?|userinfo|jwks|refresh[-_]?tokens?|"
    r"(?:forgot|reset|change)[-_]?password|oauth2?|openid|oidc|saml2?|sso|well-known",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(?:access[-_]?)?token|authenticate|authori[sz]e", re.IGNORECASE)
_TAGS = {
    "health": MONITORING,
    "health check": MONITORING,
    "healthcheck": MONITORING,
    "auth": SIGNING_IN,
    "authentication": SIGNING_IN,
    "login": SIGNING_IN,
    "oauth": SIGNING_IN,
    "oauth2": SIGNING_IN,
    "sso": SIGNING_IN,
}
_SAYS_DEPRECATED = re.compile(
    r"\W*(?:deprecated|legacy)\b|[^.\n]{0,120}[(\[](?:deprecated|legacy)[)\]]|"
    r".{0,200}\b(?:endpoint|operation|method|api|route|feature|resource)s?\b[^.\n]{0,60}"
    r"\b(?:is|has been|are|have been)(?: now)? deprecated\b",
    re.IGNORECASE | re.DOTALL,
)
_VERSION = re.compile(r"v(\d+)(?:\.(\d+))?([a-z]+)?(\d*)")


def is_deprecated(found: FoundOperation) -> bool:
    """Tell whether the document calls an operation deprecated, by its key or its first words."""
    return (
        found.deprecated or _says_deprecated(found.summary) or _says_deprecated(found.description)
    )


@lru_cache(10_000)
def _says_deprecated(text: str) -> bool:
    said = text[:400].lower()
    return ("deprecated" in said or "legacy" in said) and bool(_SAYS_DEPRECATED.match(said))


def find_set_aside(operations: Iterable[FoundOperation]) -> dict[str, str]:
    """Map the keys of operations to set aside to the reason, one of the three above."""
    operations = tuple(operations)
    return {
        **dict.fromkeys(_find_repetitions(operations), REPETITION),
        **{found.key: reason for found in operations if (reason := _is_for_machines(found))},
    }


def _is_for_machines(found: FoundOperation) -> str | None:
    segments = path_segments(found)
    is_fixed = bool(segments) and not any("{" in part for part in segments)
    if is_fixed and _PROBE.fullmatch(segments[-1]):
        return MONITORING
    if is_fixed and len(segments) == 1 and _ABOUT_SERVER.fullmatch(segments[0]):
        return MONITORING
    if any(_SIGN_IN.fullmatch(part) for part in segments):
        return SIGNING_IN
    if (
        segments
        and _TOKEN.fullmatch(segments[-1])
        and (
            len(segments) == 1
            or re.fullmatch(r"auth\w*|login|sessions?", segments[-2], re.IGNORECASE)
        )
    ):
        return SIGNING_IN
    return next(
        (_TAGS[said] for tag in found.tags if (said := " ".join(split_words(tag))) in _TAGS), None
    )


def _find_repetitions(operations: Iterable[FoundOperation]) -> list[str]:
    """Find operations of which the document has another form: a newer version, or a GET."""
    best: dict[tuple[str, str], FoundOperation] = {}
    worse: list[str] = []
    for found in operations:
        same = (found.method, _plain_path(found.path))
        other = best.setdefault(same, found)
        if other is not found and _differ_by_version(found.path, other.path):
            newer, older = (found, other) if _rank(found) > _rank(other) else (other, found)
            best[same] = newer
            worse.append(older.key)
    for (method, path), found in best.items():
        if method == "POST" and only_reads(found) and not is_deprecated(found):
            get = best.get(("GET", path))
            if get is not None and not is_deprecated(get):
                worse.append(found.key)
    return worse


def _plain_path(path: str) -> str:
    """Return a path without versions, names of parameters and a slash at its end."""
    parts = [part for part in path.split("/") if part and not _VERSION.fullmatch(part)]
    return "/".join(re.sub(r"\{[^{}]*\}", "{}", part) for part in parts)


def _differ_by_version(path: str, other: str) -> bool:
    """Tell whether two equal plain paths are one, and not `/files/{id}` and `/files/{name}`."""
    return _versions(path) != _versions(other) or path.rstrip("/") == other.rstrip("/")


def _versions(path: str) -> list[str]:
    return [part for part in path.split("/") if _VERSION.fullmatch(part)]


def _rank(found: FoundOperation) -> tuple[bool, int, int, bool]:
    """Order the forms of one operation: in use, then the newest stable version."""
    said = next((v for part in found.path.split("/") if (v := _VERSION.fullmatch(part))), None)
    if said is None:
        return not is_deprecated(found), 0, 0, True
    return not is_deprecated(found), int(said[1]), int(said[2] or 0), not said[3]
