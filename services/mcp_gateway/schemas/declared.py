"""The JSON Schemas that a manifest itself declares for arguments."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

_REFERENCES = ("$ref", "$dynamicRef")


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Return why arguments can't be validated by a schema (JSON Schema 2020-12), or None."""
    if (reference := _find_reference(schema)) is not None:
        return f"has a {reference}; write it out"
    try:
        jsonschema_rs.Draft202012Validator(dict(schema), offline=True)
    except jsonschema_rs.ValidationError as error:
        place = ".".join(map(str, error.instance_path))
        return f"is malformed{place and f' at {place}'}: {error.message}"
    return None


def _find_reference(node: Any) -> str | None:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            for key in _REFERENCES:
                # A property may be called `$ref`; its schema is not text.
                if isinstance(one.get(key), str):
                    return key
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return None
