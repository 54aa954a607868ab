"""Write titles in sentence case: `List Tasks`, generated from a name, becomes `List tasks`."""

import re

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.text import shorten_text

LONGEST_TITLE = 200
"""Characters of a title, which the manifest allows too."""

_ACRONYMS = frozenset(
    """ai api arn aws cpu crm csv db dns gpu html http https id ids io ip ips json jwt kpi mcp mfa
    oauth otp pdf qr rss saml sdk seo sku sla smtp sql ssh ssl sso svg tls totp ui uri url urls utc
    uuid vat vm vpc vpn xml yaml""".split()  # noqa: SIM905 - read as words
)
_SPELLED = {"ids": "IDs", "ips": "IPs", "oauth": "OAuth", "urls": "URLs"}


def title_operation(operation: FoundOperation) -> str:
    """Return the first line of an operation's summary, shortened, in sentence case if a framework generated it.

    Title case that a person chose stays: only a summary that repeats the words of the operationId,
    each capitalised, is changed. Acronyms and words in capitals stay as they are.
    """
    summary = operation.summary.partition("\n")[0]
    words = summary.split()
    made = "".join(words).lower()
    name = re.sub(r"[^a-z0-9]", "", (operation.operation_id or "").lower())
    if not made or not name.startswith(made) or not all(word[:1].isupper() for word in words):
        return shorten_text(summary, LONGEST_TITLE)
    first, *rest = (_spell(word) for word in words)
    return shorten_text(" ".join([first[:1].upper() + first[1:], *rest]), LONGEST_TITLE)


def _spell(word: str) -> str:
    if word.lower() in _ACRONYMS:
        return _SPELLED.get(word.lower(), word.upper())
    # Somebody chose the capitals of `GraphQL` and `CSV`; `Tasks` is merely in title case.
    return word.lower() if word[1:] == word[1:].lower() else word
