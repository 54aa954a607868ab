"""The tables of clients and of their secrets."""

from datetime import datetime
from typing import Any, Literal

from sqlmodel import Field, SQLModel

from auth_server.db.types import Json, UtcDateTime

# A gateway is configured in the settings and never stored.
ClientSource = Literal["managed", "dynamic", "document", "gateway"]
# Short enough to fit into a PostgreSQL index row with the other columns of an index.
LONGEST_CLIENT_ID = 1024
AuthMethod = Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


class Client(SQLModel, table=True):
    """A registered client; `source` says how it was registered.

    `registration_token_hash` is the hash of the token that manages a dynamic client (RFC 7592).
    `verified_at` is when an operator verified the name of a dynamic client.
    `refreshed_at` is about when it last used a refresh token; None if it never did.
    `document_read_at` is when the document that describes the client was last read.
    `post_logout_redirect_uris`: where people may return to after signing out (RP-Initiated Logout §3).
    `introspects`: an operator allows the client to introspect any token (RFC 7662).
    `dpop_bound_access_tokens`: the client gets no token without a DPoP proof (RFC 9449 §5.2), and
    `tls_client_certificate_bound_access_tokens`: none without a certificate (RFC 8705 §3.4).
    `must_push`: it must push its authorization requests (RFC 9126 §6).
    `jwks` contains its public keys for `private_key_jwt`, or `jwks_uri` their address.
    """

    __tablename__ = "clients"

    client_id: str = Field(primary_key=True, max_length=LONGEST_CLIENT_ID)
    source: str = Field(max_length=16)
    name: str = Field(max_length=120)
    client_uri: str | None = Field(default=None, max_length=2048)
    redirect_uris: list[str] = Field(sa_type=Json)
    post_logout_redirect_uris: list[str] = Field(default_factory=list, sa_type=Json)
    grant_types: list[str] = Field(sa_type=Json)
    token_endpoint_auth_method: str = Field(max_length=32)
    jwks: dict[str, Any] | None = Field(default=None, sa_type=Json)
    jwks_uri: str | None = Field(default=None, max_length=2048)
    application_type: str = Field(max_length=8)
    introspects: bool = Field(default=False)
    dpop_bound_access_tokens: bool = Field(default=False)
    tls_client_certificate_bound_access_tokens: bool = Field(default=False)
    must_push: bool = Field(default=False)
    registration_token_hash: str | None = Field(default=None, max_length=64)
    verified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refreshed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    document_read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ClientSecret(SQLModel, table=True):
    """A client's secret, by its hash; a client has at most two."""

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
