"""The metered hours table."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

_TO_EXPORT = text("units <> exported AND problem = ''")


class MeteredHour(SQLModel, table=True):
    """The live units that the ledger holds for one tenant and meter in one hour.

    `units` changes in the transaction that adds to the ledger, and `exported` in the one that plans an
    export, so that every unit belongs to exactly one export.
    """

    __tablename__ = "metered_hours"
    __table_args__ = (
        Index(
            "hours_to_export",
            "hour",
            "tenant_id",
            "meter",
            sqlite_where=_TO_EXPORT,
            postgresql_where=_TO_EXPORT,
        ),
        # It has every column that the sums of a month read.
        Index("hours_of_all_tenants", "hour", "tenant_id", "units", "exported", "problem"),
    )

    tenant_id: str = Field(primary_key=True, max_length=255)
    meter: str = Field(primary_key=True, max_length=255)
    hour: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    """When the hour begins."""
    units: int = Field(sa_type=BigInteger)
    exported: int = Field(default=0, sa_type=BigInteger)
    """How many of the units belong to exports."""
    problem: str = Field(default="", max_length=300)
    """Why the other units can't be exported; empty if they can."""
