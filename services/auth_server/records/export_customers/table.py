"""The export customers table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class ExportCustomer(SQLModel, table=True):
    """Who pays for a tenant, if the system does not know the tenant by its id.

    It has no foreign key: it outlives the tenant, because late usage may.
    """

    __tablename__ = "export_customers"

    tenant_id: str = Field(primary_key=True, max_length=255)
    customer: str = Field(max_length=255)
    licence: str = Field(default="", max_length=255)
    """The ARN of a licence from AWS Marketplace; empty for others."""
    since: datetime = Field(sa_type=UtcDateTime)
    """Usage counts from then on."""
