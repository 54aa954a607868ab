"""The table of workloads."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime

LONGEST_NAME = 512
"""How long the name of an issuer or audience is at most."""


class Workload(SQLModel, table=True):
    """What a JWT must say to act as a client: its issuer, audience, subject and further claims.

    An empty `subject` accepts every one; then `claims`, compared as strings, are not empty. `jwks_uri`
    has the issuer's keys.
    """

    __tablename__ = "workloads"

    workload_id: str = Field(primary_key=True, max_length=64)
    client_id: str = Field(
        max_length=1024, foreign_key="clients.client_id", ondelete="CASCADE", index=True
    )
    issuer: str = Field(max_length=LONGEST_NAME, index=True)
    audience: str = Field(max_length=LONGEST_NAME)
    subject: str = Field(max_length=1024)
    claims: dict[str, str] = Field(sa_type=Json)
    jwks_uri: str = Field(max_length=1024)
    created_at: datetime = Field(sa_type=UtcDateTime)
