"""Find arguments that ask for a password, which a model should never receive."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAME = re.compile(
    r"(.*_)?(password|passwd|passphrase|passcode|pwd)(_(confirm|confirmation|repeat))?"
)
_MANY = ("properties", "patternProperties", "$defs")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONE = ("items", "additionalProperties")


def find_password(schema: Mapping[str, Any]) -> str | None:
    """Return the first argument, at any depth, that is a password by its format or its name.

    Args:
        schema: a published input schema.

    Returns:
        The property's name, or None if the schema does not ask for a password.
    """
    return next(_passwords("", schema), None)


def _passwords(name: str, node: Any) -> Iterator[str]:
    if not isinstance(node, Mapping):
        return
    if node.get("format") == "password" or (_says_password(name) and _may_be_text(node)):
        yield name
    for keyword in _MANY:
        for key, child in node.get(keyword, {}).items():
            # The name of a definition does not matter; the property that refers to it does.
            yield from _passwords(key if keyword == "properties" else name, child)
    for keyword in _LISTS:
        for child in node.get(keyword, ()):
            yield from _passwords(name, child)
    for keyword in _ONE:
        yield from _passwords(name, node.get(keyword))


def _says_password(name: str) -> bool:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return bool(_NAME.fullmatch(re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")))


def _may_be_text(node: Mapping[str, Any]) -> bool:
    kinds = node.get("type", "string")
    return "string" in ([kinds] if isinstance(kinds, str) else kinds)
