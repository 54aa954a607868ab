"""What several request models share."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A body whose unknown fields are refused, so that a misspelt field is not silently lost."""

    model_config = ConfigDict(extra="forbid")


def without_default(schema: dict[str, Any]) -> None:
    """Keep a default out of the document: in a PATCH a field left out is left alone."""
    schema.pop("default", None)
