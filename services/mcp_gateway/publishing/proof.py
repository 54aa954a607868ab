"""The key that proves to the official registry whose domain the server's name belongs to."""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


class ProofError(Exception):
    """The key can't be used; the message names the file and the fix."""


def load_proof_key(path: Path) -> Ed25519PrivateKey:
    """Read the private key in a PEM file; create the file, private to its owner, if absent.

    Raises:
        ProofError: the file can't be read or written, others can read it, or it holds another kind of key.
    """
    try:
        if not path.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                new.write(pem)
        if path.stat().st_mode & 0o077:
            raise ProofError(f"{path}: others can read this private key; run `chmod 600 {path}`")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ProofError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise ProofError(f"{path}: is not a private key in PEM form without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ProofError(f"{path}: is not an Ed25519 key; move it away to get a new one")
    return key


def write_proof(key: Ed25519PrivateKey) -> str:
    """Return the record for `/.well-known/mcp-registry-auth` or a TXT record at the domain's apex."""
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=MCPv1; k=ed25519; p={base64.b64encode(public).decode()}"
