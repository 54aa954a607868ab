"""Settings of mail: the section `auth_server.mail`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)*", re.ASCII)
_LONGEST_ADDRESS = 254  # RFC 5321 §4.5.3.1.3, without the brackets
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def is_mail_address(text: str) -> bool:
    """Return whether a text is one plain e-mail address, without a name, comment or second address."""
    return len(text) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def _require_address(value: str) -> str:
    if not is_mail_address(value):
        raise ValueError("must be an e-mail address such as no-reply@example.com")
    return value


Address = Annotated[str, AfterValidator(_require_address)]


class MailSettings(BaseModel):
    """The SMTP server that sends the mails of this server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: Address = Field(
        description="The address that mails come from; their name is the product's, from `branding`."
    )
    reply_to: Address | None = Field(default=None, description="The address that answers go to.")
    host: str = Field(
        min_length=1,
        max_length=253,
        pattern=r"^[\w.:-]+$",
        description="The name or address of the SMTP server.",
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Its port; by default 587, with `security: tls` 465, with `security: none` 25.",
    )
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls` (RFC 3207), `tls` from the first byte (RFC 8314), or `none`, for a "
        "relay in your own network.",
    )
    username: str | None = Field(
        default=None, min_length=1, max_length=255, description="The name to sign in with."
    )
    password: SecretStr | None = Field(default=None, description="The password of `username`.")

    @model_validator(mode="after")
    def refuse_half_a_sign_in(self) -> Self:
        """Refuse a user name without a password, and the reverse."""
        if (self.username is None) != (self.password is None):
            raise ValueError("set both username and password, or neither")
        return self

    @model_validator(mode="after")
    def refuse_password_in_the_clear(self) -> Self:
        """Refuse to send the password over a network without TLS."""
        if self.password is not None and self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError("a password requires security: starttls or tls")
        return self

    @property
    def connects_to(self) -> int:
        """The port in use."""
        return self.port or _PORTS[self.security]
