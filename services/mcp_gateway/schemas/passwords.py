"""Find arguments that ask for a password, which a model should never receive."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_NAME = re.compile(
    r"(.*_)?(password|passwd|passphrase|passcode|pwd)(_(confirm|confirmation|repeat))?"
)
_NAMED = frozenset({"properties", "patternProperties", "$defs"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONE = frozenset({"items", "additionalProperties"})


def find_password(schema: Mapping[str, Any]) -> str | None:
    """Return the first argument, at any depth, that is a password by its format or its name.

    Args:
        schema: a published input schema.

    Returns:
        The property's name, or None if the schema does not ask for a password.
    """
    return _find("", schema)


def _find(name: str, node: Mapping[str, Any]) -> str | None:
    if node.get("format") == "password" or (_says_password(name) and _may_be_text(node)):
        return name
    for keyword, value in node.items():
        if keyword in _NAMED:
            # The name of a definition does not matter; the property that refers to it does.
            named = keyword == "properties"
            inside = [(key if named else name, child) for key, child in value.items()]
        elif keyword in _LISTS:
            inside = [(name, child) for child in value]
        elif keyword in _ONE:
            inside = [(name, value)]
        else:
            continue
        for inner, child in inside:
            if isinstance(child, dict) and (found := _find(inner, child)) is not None:
                return found
    return None


@lru_cache(1_000)
def _says_password(name: str) -> bool:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return bool(_NAME.fullmatch(re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")))


def _may_be_text(node: Mapping[str, Any]) -> bool:
    kinds = node.get("type", "string")
    return "string" in ([kinds] if isinstance(kinds, str) else kinds)
