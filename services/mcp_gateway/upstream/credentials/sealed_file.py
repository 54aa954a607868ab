"""A file of secrets by tenant, each encrypted for that tenant only (AES-256-GCM)."""

import os
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict

_VERSION = 1
_NONCE = 12
_LARGEST = 64 << 20


class SealedFileError(Exception):
    """The file can't be used; the message says why, without the file's content."""


class TenantWithSecret(BaseModel):
    """A tenant in the list of those that have a secret."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str


class SealedFile:
    """The current content of the file, which is read again after it was replaced.

    `{"version": 1, "credentials": {TENANT: base64 of nonce and ciphertext}}`. A secret that is sealed
    for one tenant can't be opened for another, even if it is moved within the file.
    """

    def __init__(self, path: Path, key: str, *, name: str) -> None:
        """Take the operator's key, and the name of the file's credential."""
        info = b"gatepost/mcp_gateway/upstream_credentials/" + name.encode()
        derived = HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(key.encode())
        self._path = path
        self._cipher = AESGCM(derived)
        self._seen: tuple[int, int, int] | None = None
        self._sealed: dict[str, bytes] = {}
        self._opened: dict[str, str] = {}

    def unseal(self, tenant: str) -> str | None:
        """Return a tenant's secret, or None.

        Raises:
            SealedFileError: the file can't be read, or was sealed under another key.
        """
        self._follow()
        if (opened := self._opened.get(tenant)) is not None:
            return opened
        if (sealed := self._sealed.get(tenant)) is None:
            return None
        try:
            secret = self._cipher.decrypt(
                sealed[:_NONCE], sealed[_NONCE:], tenant.encode()
            ).decode()
        except (InvalidTag, ValueError):
            raise SealedFileError(
                f"{self._path}: the secret of {tenant} was not sealed for it under this key"
            ) from None
        self._opened[tenant] = secret
        return secret

    def tenants(self) -> list[str]:
        """Return the tenants that have a secret.

        Raises:
            SealedFileError: the file can't be read.
        """
        self._follow()
        return sorted(self._sealed)

    def put(self, tenant: str, secret: str) -> None:
        """Seal a tenant's secret and write the file.

        Raises:
            SealedFileError: the file can't be read or written, or was sealed under another key.
        """
        for other in self.tenants():
            self.unseal(other)
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, secret.encode(), tenant.encode())
        self._write({**self._sealed, tenant: sealed})

    def remove(self, tenant: str) -> bool:
        """Remove a tenant's secret; return whether there was one.

        Raises:
            SealedFileError: the file can't be read or written.
        """
        if tenant not in self.tenants():
            return False
        self._write({name: sealed for name, sealed in self._sealed.items() if name != tenant})
        return True

    def _follow(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._sealed, self._opened = None, {}, {}
            return
        except OSError as error:
            raise SealedFileError(f"{self._path} can't be read: {error.strerror}") from None
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._seen:
            self._sealed, self._opened = self._read(), {}
            self._seen = seen

    def _read(self) -> dict[str, bytes]:
        try:
            with self._path.open("rb") as opened:
                document = orjson.loads(opened.read(_LARGEST))
            if document["version"] != _VERSION:
                raise SealedFileError(f"{self._path} has a version that this gateway can't read")
            sealed = document["credentials"].items()
            return {str(tenant): b64decode(text, validate=True) for tenant, text in sealed}
        except OSError as error:
            raise SealedFileError(f"{self._path} can't be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SealedFileError(f"{self._path} is not a file of credentials") from None

    def _keep_owner(self, new: int) -> None:
        """Keep the owner and mode of the file, so that the gateway's user can still read it."""
        with suppress(OSError):
            before = self._path.stat()
            os.fchown(new, before.st_uid, before.st_gid)
            os.fchmod(new, before.st_mode & 0o7777)

    def _write(self, sealed: dict[str, bytes]) -> None:
        encoded = {tenant: b64encode(data).decode() for tenant, data in sorted(sealed.items())}
        document = orjson.dumps(
            {"version": _VERSION, "credentials": encoded},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
        try:
            # Private to its owner and replaced atomically, so that readers never see a partial file.
            with NamedTemporaryFile(dir=self._path.parent, delete=False) as new:
                new.write(document)
                self._keep_owner(new.fileno())
            Path(new.name).replace(self._path)
        except OSError as error:
            raise SealedFileError(f"{self._path} can't be written: {error.strerror}") from None
