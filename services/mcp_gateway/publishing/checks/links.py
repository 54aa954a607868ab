"""People and reviewers read what happens to data, and find help."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from mcp_gateway.publishing.finding import Check, Finding, Submission
from mcp_gateway.publishing.hosts import is_public_host

_LOGOS = ("logo.url", "logo_dark.url")
_KEYS = ("website", "documentation", "privacy_policy", "terms_of_service", "support", *_LOGOS)
REGISTRY_LINKS = ("website", *_LOGOS)
"""Those of `server.json`."""


def links(*required: str, keys: tuple[str, ...] = _KEYS) -> Check:
    """Report links that are missing, and links that are not public https URLs."""

    def check(submission: Submission) -> Iterator[Finding]:
        for key in keys:
            part, _, inner = key.partition(".")
            url = getattr(submission.listing, part) or ""
            url = getattr(url, inner, "") if inner else url
            problem = _problem(url, mail=key == "support") if url else "missing"
            if problem and (url or key in required):
                fix = "name a public https URL" + (" or an e-mail address" * (key == "support"))
                place = submission.at(key)
                yield Finding(rule="links", place=place, message=problem, fix=fix)

    return check


def _problem(url: str, *, mail: bool) -> str | None:
    local, at, host = url.partition("@")
    if mail and at and local and "." in host and not set(url) & set(" /:"):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return f"{url} is not a URL"
    if parts.scheme != "https" or not is_public_host(host):
        return f"{url} is not a public https URL"
    return None
