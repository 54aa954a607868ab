"""Tokens of accounts that people linked at an API: what a gateway asks for, and what it is told."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LINKED_TOKENS_PATH = "/internal/linked-tokens"
"""The path at which gateways ask for a token: JSON with `link` and the two members that authenticate at
`/token`."""

ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
LinkState = Literal["linked", "missing", "broken", "nobody"]
"""`missing` and `broken` ask the person to link the account at `url`; `nobody` is a caller without a
person, or one whose connection has ended."""


class AskedToken(BaseModel):
    """The token that a call needs."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    provider: ProviderName
    grant_id: Annotated[str, Field(min_length=1, max_length=128)]
    """The claim of the caller's access token."""
    refused: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    """The SHA-256 of the token that the API did not accept, if it is to be replaced."""


class LinkedTokenAnswer(BaseModel):
    """What the authorization server tells a gateway."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    state: LinkState
    title: str
    """The name by which people know the API's account."""
    access_token: str = Field(default="", repr=False)
    expires_in: int = 0
    """Seconds for which the gateway may keep the token."""
    url: str = ""
    """The page on which the person links the account."""
