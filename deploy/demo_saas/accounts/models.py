"""The requests and responses of sign-in."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Credentials(BaseModel):
    """An email address and its password."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=320, examples=["ada@acme.example"])
    password: str = Field(max_length=1000, json_schema_extra={"format": "password"})


class Session(BaseModel):
    """A signed-in session."""

    token: str = Field(description="Send it as `Authorization: Bearer <token>`.")
    expires_at: datetime = Field(description="When the token expires.")


class Organisation(BaseModel):
    """An organisation of which the person is a member."""

    id: str = Field(examples=["org_acme"])
    name: str = Field(examples=["Acme"])
    role: Literal["admin", "member"] = Field(description="The person's role in it.")
    teams: list[str] = Field(
        description="The ids of the teams the person belongs to.", examples=[["design"]]
    )


class Me(BaseModel):
    """The signed-in person."""

    id: str = Field(examples=["usr_ada"])
    name: str = Field(examples=["Ada Marsh"])
    email: str = Field(examples=["ada@acme.example"])
    organisations: list[Organisation] = Field(
        description="The organisations that this request may use."
    )
