"""The tables of credit and of its uses."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime, Whole


class PrepaidCredit(SQLModel, table=True):
    """An amount that a tenant has paid, or was given, for its usage. A row never changes.

    It has no foreign key, because it outlives the tenant like the ledger.
    """

    __tablename__ = "credits"

    credit_id: str = Field(primary_key=True, max_length=255)
    """The id of the Checkout session that bought it, or a random one."""
    tenant_id: str = Field(max_length=255, index=True)
    currency: str = Field(max_length=3)
    amount: int = Field(sa_type=Whole)
    """In whole currency units divided by `SCALE`."""
    source: str = Field(max_length=16)
    """`purchase` or `operator`."""
    reason: str = Field(default="", max_length=300)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class CreditUse(SQLModel, table=True):
    """What was taken from one credit for one cause.

    The units of a month are one row, which grows in the transaction that adds to the ledger.
    """

    __tablename__ = "credit_uses"

    credit_id: str = Field(
        primary_key=True, max_length=255, foreign_key="credits.credit_id", ondelete="CASCADE"
    )
    cause: str = Field(primary_key=True, max_length=255)
    """The month whose units it paid for, such as `2026-11`, or why the rest was taken back."""
    amount: int = Field(sa_type=Whole)
    units: int = Field(default=0, sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
    """When it last grew."""
