"""Titles as people write them: `List Tasks`, made from an operation's name, reads `List tasks`."""

import re

from mcp_gateway.openapi.document import FoundOperation

_ACRONYMS = frozenset(
    """ai api arn aws cpu crm csv db dns gpu html http https id ids io ip ips json jwt kpi mcp mfa
    oauth otp pdf qr rss saml sdk seo sku sla smtp sql ssh ssl sso svg tls totp ui uri url urls utc
    uuid vat vm vpc vpn xml yaml""".split()  # noqa: SIM905 - read as words
)
_SPELLED = {"ids": "IDs", "ips": "IPs", "oauth": "OAuth", "urls": "URLs"}


def title_operation(operation: FoundOperation) -> str:
    """Answer an operation's summary; one that a framework made of its name in sentence case.

    Title case stays where a person chose it: only a summary that says the operationId's words
    again, each with a capital, is changed. Words in capitals, and acronyms, keep theirs.
    """
    words = operation.summary.split()
    made = "".join(words).lower()
    name = re.sub(r"[^a-z0-9]", "", (operation.operation_id or "").lower())
    if not made or not name.startswith(made) or not all(word[:1].isupper() for word in words):
        return operation.summary
    first, *rest = (_spell(word) for word in words)
    return " ".join([first[:1].upper() + first[1:], *rest])


def _spell(word: str) -> str:
    if word.lower() in _ACRONYMS:
        return _SPELLED.get(word.lower(), word.upper())
    # `GraphQL` and `CSV` were spelled by somebody; `Tasks` only has the capital of its place.
    return word.lower() if word[1:] == word[1:].lower() else word
