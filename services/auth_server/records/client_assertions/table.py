"""The table of used client assertions and DPoP proofs."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class UsedAssertion(SQLModel, table=True):
    """One assertion of one client or identity provider, or a DPoP proof, stored until it has expired.

    The `client_id` of a proof is the URN of its key.
    """

    __tablename__ = "client_assertions"

    client_id: str = Field(primary_key=True, max_length=1024)
    jti: str = Field(primary_key=True, max_length=255)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
