"""The billing accounts table."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

_BILLS_NOTHING = frozenset({"", "incomplete", "incomplete_expired", "paused"})


class BillingAccount(SQLModel, table=True):
    """A tenant's customer at Stripe, and its subscription as it was last read.

    It has no foreign key: it outlives the tenant, because the subscription may.
    """

    __tablename__ = "billing_accounts"

    tenant_id: str = Field(primary_key=True, max_length=255)
    customer_id: str = Field(max_length=255, unique=True)
    subscription_id: str = Field(default="", max_length=255)
    """Empty if the tenant never had one."""
    status: str = Field(default="", max_length=32)
    """The subscription's status in Stripe's words."""
    plan: str = Field(default="", max_length=32)
    """The plan that the subscription gives now; empty for none."""
    subscribed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first subscription began; usage is exported from then on."""
    period_start: datetime | None = Field(default=None, sa_type=UtcDateTime)
    period_end: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ends_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the subscription ends, if it was cancelled."""
    version: int = Field(default=0)
    """Counts changes, so that an older reading never overwrites a newer one."""
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the subscription was last read."""
    created_at: datetime = Field(sa_type=UtcDateTime)

    def bills(self, at: datetime) -> bool:
        """Return whether an invoice of the subscription bills usage of a time.

        An unpaid subscription gives no plan, but Stripe goes on preparing its invoices.
        """
        if self.subscribed_at is None or at < self.subscribed_at or self.status in _BILLS_NOTHING:
            return False
        return self.status != "canceled" or (self.ends_at is not None and at < self.ends_at)
