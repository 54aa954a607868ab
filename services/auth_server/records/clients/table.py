"""The clients table, and the secrets of those that have any."""

from datetime import datetime
from typing import Any, Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime

# A gateway is known by the settings alone and never stored.
ClientSource = Literal["managed", "dynamic", "document", "gateway"]
# Together with the other columns of an index it stays within a PostgreSQL index row.
LONGEST_CLIENT_ID = 1024
AuthMethod = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


class Client(SQLModel, table=True):
    """A registered client; `source` says who vouches for it.

    `registration_token_hash`: of the token that manages a dynamic one (RFC 7592).
    `introspects`: an operator allowed it to ask about any token (RFC 7662).
    `jwks` or `jwks_uri` is where its public keys are, for `private_key_jwt`.
    """

    __tablename__ = "clients"

    client_id: str = Field(primary_key=True, max_length=LONGEST_CLIENT_ID)
    source: str = Field(max_length=16)
    name: str = Field(max_length=120)
    client_uri: str | None = Field(default=None, max_length=2048)
    redirect_uris: list[str] = Field(sa_type=Json)
    grant_types: list[str] = Field(sa_type=Json)
    token_endpoint_auth_method: str = Field(max_length=32)
    jwks: dict[str, Any] | None = Field(default=None, sa_type=Json)
    jwks_uri: str | None = Field(default=None, max_length=2048)
    application_type: str = Field(max_length=8)
    introspects: bool = Field(default=False)
    registration_token_hash: str | None = Field(default=None, max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ClientSecret(SQLModel, table=True):
    """One of the one or two secrets of a client, by its hash."""

    __tablename__ = "client_secrets"

    client_id: str = Field(
        primary_key=True,
        max_length=LONGEST_CLIENT_ID,
        foreign_key="clients.client_id",
        ondelete="CASCADE",
    )
    secret_hash: str = Field(primary_key=True, max_length=64)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
