"""The quota notices table."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class QuotaNotice(SQLModel, table=True):
    """One notice that a quota or budget has reached a percentage in its day or month.

    `notice_id` is the hash of everything that tells notices apart, so that there is one of each.
    """

    __tablename__ = "quota_notices"
    __table_args__ = (Index("notices_of_a_tenant", "tenant_id", "at"),)

    notice_id: str = Field(primary_key=True, max_length=64)
    tenant_id: str = Field(max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE")
    kind: str = Field(max_length=16)
    """`day` or `month`, or whose budget it is."""
    key: str = Field(max_length=2048)
    period: str = Field(max_length=10)
    """The day or the month."""
    percent: int
    units_limit: int = Field(sa_type=BigInteger)
    used: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
