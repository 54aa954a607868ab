"""Parts that several request models share."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A body that refuses unknown fields, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


def without_default(schema: dict[str, Any]) -> None:
    """Remove a default from the document, since a PATCH does not change omitted fields."""
    schema.pop("default", None)
