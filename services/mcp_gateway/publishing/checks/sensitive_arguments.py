"""Arguments must not ask for passwords, payment cards, government ids or codes of a second factor."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.openapi.credential_arguments import credential_arguments
from mcp_gateway.publishing.finding import Finding, Submission

_NAMES = frozenset(
    """biometric cardnumber creditcard creditcardnumber cvc cvv driverslicense governmentid mfacode
    nationalid otp passcode passport passportnumber password pin socialsecuritynumber ssn
    twofactorcode""".split()  # noqa: SIM905 - read as words
)


def sensitive_arguments(submission: Submission) -> Iterator[Finding]:
    """Report arguments, at any depth, whose name asks for sensitive data."""
    for name, tool in submission.catalogue.tools.items():
        names = [one for one in _properties(tool.input_schema) if _plain(one) in _NAMES]
        for argument in dict.fromkeys(
            [*names, *credential_arguments(tool.input_schema, tool.operation)]
        ):
            yield Finding(
                rule="sensitive_arguments",
                place=submission.entry(name, argument),
                message=f"the argument {argument} asks for sensitive data",
                fix="bind or fill it, or set `expose: false`",
            )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _properties(schema: Any) -> Iterator[str]:
    """Yield the name of every property; references are not followed, since `$defs` is a part, too."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            yield from properties
        for part in schema.values():
            yield from _properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _properties(part)
