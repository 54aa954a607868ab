"""The keys derived from `secret_key` and `previous_secret_keys`."""

import base64
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Sealing = Literal["at_rest", "tickets"]
"""The purpose of a seal: database rows, or the flow state that a browser carries."""


@dataclass(frozen=True, slots=True)
class DerivedKeys:
    """One key for each purpose, so that none can be used for another."""

    forms: bytes
    refresh: bytes
    at_rest: bytes
    tickets: bytes
    audit: bytes


def derive_keys(secret_key: str) -> DerivedKeys:
    """Derive every key from a configured secret (HKDF, RFC 5869)."""

    def derive(purpose: str) -> bytes:
        info = b"gatepost/auth_server/" + purpose.encode()
        return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret_key.encode())

    return DerivedKeys(
        derive("forms"), derive("refresh"), derive("at_rest"), derive("tickets"), derive("audit")
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this server. The newest ones sign and seal; all of them verify and unseal.

    Attributes:
        newest: the keys derived from `secret_key`.
        former: the keys derived from `previous_secret_keys`.
    """

    newest: DerivedKeys
    former: tuple[DerivedKeys, ...] = ()

    @property
    def refresh(self) -> tuple[bytes, ...]:
        """The keys that derive successors of refresh tokens, newest first."""
        return tuple(keys.refresh for keys in self._all)

    def sign(self, *parts: str) -> str:
        """Compute a MAC over the parts, each with its length; base64url."""
        return self.list_macs(*parts)[0]

    def list_macs(self, *parts: str) -> list[str]:
        """Compute the MACs over the parts with every key, the newest first, to look a value up."""
        message = _join(parts)
        return [_encode(hmac.digest(keys.forms, message, "sha256")) for keys in self._all]

    def verify(self, given: str | None, *parts: str) -> bool:
        """Return whether any of the keys signed these parts, comparing in constant time."""
        if given is None:
            return False
        macs = self.list_macs(*parts)
        return any(hmac.compare_digest(mac.encode(), given.encode()) for mac in macs)

    def mac_log(self, *parts: str) -> str:
        """Compute the MAC of the audit log's seal over the parts; hexadecimal."""
        return hmac.digest(self.newest.audit, _join(parts), "sha256").hex()

    def is_log_mac(self, given: str, *parts: str) -> bool:
        """Return whether any of the keys made this MAC of the audit log's seal."""
        expected = (hmac.digest(keys.audit, _join(parts), "sha256").hex() for keys in self._all)
        return any(hmac.compare_digest(mac.encode(), given.encode()) for mac in expected)

    def digest(self, message: str) -> bytes:
        """Derive 256 secret bits from a message."""
        return hmac.digest(self.newest.forms, message.encode(), "sha256")

    def seal(self, what: Sealing, plaintext: bytes, *, context: str) -> bytes:
        """Encrypt with AES-256-GCM; decryption needs the same `context`."""
        nonce = os.urandom(12)
        return nonce + AESGCM(_sealing_key(self.newest, what)).encrypt(
            nonce, plaintext, context.encode()
        )

    def unseal(self, what: Sealing, sealed: bytes, *, context: str) -> bytes | None:
        """Decrypt the result of `seal`; None for other keys, another context or changed bytes."""
        for keys in self._all:
            try:
                key = AESGCM(_sealing_key(keys, what))
                return key.decrypt(sealed[:12], sealed[12:], context.encode())
            except (InvalidTag, ValueError):
                continue
        return None

    def reseal(self, what: Sealing, sealed: bytes, *, context: str) -> bytes | None:
        """Seal a value with the newest key that a former key sealed; None if no key unseals it.

        Returns the same bytes if the newest key sealed them.
        """
        if Keys(self.newest).unseal(what, sealed, context=context) is not None:
            return sealed
        plaintext = self.unseal(what, sealed, context=context)
        return None if plaintext is None else self.seal(what, plaintext, context=context)

    @property
    def _all(self) -> tuple[DerivedKeys, ...]:
        return (self.newest, *self.former)


def make_keys(secret_key: str, previous: Iterable[str] = ()) -> Keys:
    """Derive the keys from the configured secrets."""
    return Keys(derive_keys(secret_key), tuple(derive_keys(secret) for secret in previous))


def _sealing_key(keys: DerivedKeys, what: Sealing) -> bytes:
    return keys.at_rest if what == "at_rest" else keys.tickets


def _join(parts: Iterable[str]) -> bytes:
    return b"".join(len(p := part.encode()).to_bytes(4, "big") + p for part in parts)


def _encode(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
