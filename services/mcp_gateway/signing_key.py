"""The gateway's own key, which signs identity assertions and never access tokens."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gatepost.settings import SettingsError


def load_signing_key(path: Path) -> ECKey:
    """Read the EC P-256 private key in a PEM file; create the file, private to its owner, if absent.

    Raises:
        SettingsError: the file can't be read or written, or does not hold such a key.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            pem = ECKey.generate_key("P-256").as_pem(private=True)
            # Exclusive, so that two processes that start together share one key.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                new.write(pem)
    except FileExistsError:
        pass
    except OSError as error:
        raise SettingsError(f"signing_key: {path} can't be written: {error.strerror}") from None
    try:
        key = ECKey.import_key(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"signing_key: {path} can't be read: {error.strerror}") from None
    except (JoseError, ValueError, TypeError):
        raise SettingsError(f"signing_key: {path} does not hold a PEM key") from None
    if key.curve_name != "P-256" or not key.is_private:
        raise SettingsError(f"signing_key: {path} does not hold an EC P-256 private key")
    return key


def publish_key(key: ECKey) -> Mapping[str, Any]:
    """Return the public key as a JWK set (RFC 7517 §5), with its thumbprint as the key id."""
    public = {"use": "sig", "alg": "ES256", "kid": key.thumbprint()}
    return {"keys": [{**key.as_dict(private=False), **public}]}
