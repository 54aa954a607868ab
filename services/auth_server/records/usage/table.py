"""The tables of usage, by the hour and by the day."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime

BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000)
"""Upper bounds of the latency histogram in milliseconds; `longer` counts what is above the last."""
LONGEST_KEY = 400
"""The characters of a key in the usage by the day: PostgreSQL indexes at most 2,704 bytes, with `env`."""


class _Counted(SQLModel):
    """The numbers of a row; the histogram counts the calls by their duration."""

    calls: int = Field(default=0, sa_type=BigInteger)
    units: int = Field(default=0, sa_type=BigInteger)
    under_5: int = Field(default=0, sa_type=BigInteger)
    under_10: int = Field(default=0, sa_type=BigInteger)
    under_25: int = Field(default=0, sa_type=BigInteger)
    under_50: int = Field(default=0, sa_type=BigInteger)
    under_100: int = Field(default=0, sa_type=BigInteger)
    under_250: int = Field(default=0, sa_type=BigInteger)
    under_500: int = Field(default=0, sa_type=BigInteger)
    under_1000: int = Field(default=0, sa_type=BigInteger)
    under_2500: int = Field(default=0, sa_type=BigInteger)
    under_5000: int = Field(default=0, sa_type=BigInteger)
    under_10000: int = Field(default=0, sa_type=BigInteger)
    under_30000: int = Field(default=0, sa_type=BigInteger)
    under_60000: int = Field(default=0, sa_type=BigInteger)
    longer: int = Field(default=0, sa_type=BigInteger)


class UsageHour(_Counted, table=True):
    """What one caller did with one tool in one hour, with one outcome.

    `usage_id` is the hash of everything that tells rows apart, since these columns together are too
    long for a key.
    """

    __tablename__ = "usage_hours"
    __table_args__ = (Index("hours_of_a_tenant", "tenant_id", "hour"),)

    usage_id: str = Field(primary_key=True, max_length=64)
    hour: datetime = Field(sa_type=UtcDateTime, index=True)
    """When the hour begins."""
    tenant_id: str = Field(max_length=255)
    env: str = Field(max_length=255)
    tool: str = Field(max_length=128)
    sub: str = Field(max_length=2048)
    client_id: str = Field(max_length=2048)
    grant_id: str = Field(max_length=255)
    outcome: str = Field(max_length=16)
    meter: str = Field(max_length=255)
    api: str = Field(default="", max_length=32)
    """The API of the tool, if the gateway has several; empty for calls of before this was counted."""


class UsageDay(_Counted, table=True):
    """What happened on one day, in UTC, with one tool, tenant, client, person or API, or in total.

    It is what the hours add up to, for summaries of all tenants. Calls of a named API are also counted by
    this API and their tool, tenant, client or person. The histogram leaves out refused calls,
    which did not reach the upstream.
    """

    __tablename__ = "usage_days"
    # The key is what summaries search by; on SQLite the rows lie in its order.
    __table_args__ = {"sqlite_with_rowid": False}

    env: str = Field(primary_key=True, max_length=255)
    kind: str = Field(primary_key=True, max_length=16)
    """`total`, or what the key is: `tool`, `tenant`, `client`, `person` or `api`; `api_tool` and so on
    for an API and such a key, which `/` divides."""
    day: date = Field(primary_key=True)
    key: str = Field(primary_key=True, max_length=LONGEST_KEY)
    """Empty for the total; a longer one is cut."""
    errors: int = Field(default=0, sa_type=BigInteger)
    refused: int = Field(default=0, sa_type=BigInteger)
    unknown: int = Field(default=0, sa_type=BigInteger)
