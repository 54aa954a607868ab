"""The tables of second factors."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from auth_server.db.types import UtcDateTime


class Passkey(SQLModel, table=True):
    """A public key whose private half a person's device or password manager holds (WebAuthn)."""

    __tablename__ = "passkeys"

    credential_id: str = Field(primary_key=True, max_length=1400)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
    public_key: bytes
    sign_count: int = 0
    name: str = Field(max_length=100)
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuthenticatorApp(SQLModel, table=True):
    """A person's authenticator app: the sealed secret, and the last time step whose code was used."""

    __tablename__ = "code_apps"

    person_id: str = Field(
        primary_key=True, max_length=255, foreign_key="people.person_id", ondelete="CASCADE"
    )
    sealed_secret: bytes
    last_step: int
    created_at: datetime = Field(sa_type=UtcDateTime)


class RecoveryCode(SQLModel, table=True):
    """A code that replaces a lost authenticator app once; its row is deleted when it is used."""

    __tablename__ = "recovery_codes"

    code_hash: str = Field(primary_key=True, max_length=64)
    person_id: str = Field(
        max_length=255, foreign_key="people.person_id", ondelete="CASCADE", index=True
    )
