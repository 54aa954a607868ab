"""The tenant_domains table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


def record_name(domain: str) -> str:
    """Return the name of the TXT record that proves a domain."""
    return f"_gatepost.{domain}"


class TenantDomain(SQLModel, table=True):
    """A domain that a tenant claims; many tenants may claim it, and one can have it verified."""

    __tablename__ = "tenant_domains"

    tenant_id: str = Field(
        primary_key=True, max_length=255, foreign_key="tenants.tenant_id", ondelete="CASCADE"
    )
    domain: str = Field(primary_key=True, max_length=253)
    """In ASCII and lower case (`xn--…`), so that names that only look alike differ."""
    token: str = Field(max_length=64)
    """The random part of the TXT record, different for each tenant."""
    verified_domain: str | None = Field(default=None, max_length=253, unique=True)
    """The domain while it is verified, and otherwise null."""
    verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the DNS last said whether the record is there."""
    check_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the record of a verified domain is looked up again."""
    missing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when the record of a verified domain is missing."""
    claimed_at: datetime = Field(sa_type=UtcDateTime)

    @property
    def record_name(self) -> str:
        """The name of the TXT record."""
        return record_name(self.domain)

    @property
    def record_value(self) -> str:
        """The text of the TXT record."""
        return f"gatepost-domain={self.token}"
