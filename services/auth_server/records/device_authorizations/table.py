"""The table of device authorizations."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
"""RFC 8628 §3.4."""


class DeviceAuthorization(SQLModel, table=True):
    """What a device asked for, by the hash of its device code and a MAC of its user code.

    `address` is where the request came from. `person_id` is the person who typed the user code, the only
    one who may answer. Once `answered_at` is set, a request without `grant_id` was denied. `family_id`
    names the refresh tokens issued for it.
    """

    __tablename__ = "device_authorizations"

    device_code_hash: str = Field(primary_key=True, max_length=64)
    user_code_mac: str = Field(max_length=43, unique=True, index=True)
    family_id: str = Field(max_length=64)
    client_id: str = Field(
        max_length=1024, foreign_key="clients.client_id", ondelete="CASCADE", index=True
    )
    resource: str = Field(max_length=512)
    scope: str = Field(max_length=2048)
    address: str = Field(max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    poll_interval: int
    """The seconds between two polls; each early poll makes it longer."""
    next_poll_at: datetime = Field(sa_type=UtcDateTime)
    person_id: str | None = Field(
        default=None,
        max_length=255,
        foreign_key="people.person_id",
        ondelete="CASCADE",
        index=True,
    )
    grant_id: str | None = Field(
        default=None, max_length=64, foreign_key="grants.grant_id", ondelete="CASCADE", index=True
    )
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    redeemed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
