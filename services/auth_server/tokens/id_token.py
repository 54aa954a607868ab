"""Issue ID tokens: who signed in, for the client alone."""

import base64
import hashlib
from datetime import datetime, timedelta

from auth_server.records.authentications.table import Authentication
from auth_server.tokens.authentication_context import class_of, methods_of
from auth_server.tokens.signer import Signer

ID_TOKEN_TYPE = "JWT"  # noqa: S105 - a media type, not a secret
"""The `typ` that clients expect. No gateway takes it for the `at+jwt` of an access token."""
LIFETIME = timedelta(hours=1)
ID_TOKEN_CLAIMS = (
    *("iss", "sub", "aud", "iat", "exp"),
    *("auth_time", "nonce", "acr", "amr", "at_hash", "sid"),
)
PERSON_CLAIMS = ("name", "email", "email_verified")
"""The claims of the userinfo endpoint."""


def issue_id_token(
    signer: Signer,
    authentication: Authentication,
    *,
    issuer: str,
    person_id: str,
    client_id: str,
    nonce: str | None,
    access_token: str,
    now: datetime,
) -> str:
    """Sign an ID token (OpenID Connect Core §2, §3.1.3.6); claims about the person are at userinfo.

    Args:
        signer: the active key.
        authentication: how the person had signed in when they approved.
        issuer: the `iss`.
        person_id: the `sub`, the same as in access tokens.
        client_id: the `aud`.
        nonce: the app's, only in the answer to its authorization request (§12.2).
        access_token: the one that comes with it.
        now: the time.
    """
    issued_at = int(now.timestamp())
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    claims = {
        "iss": issuer,
        "sub": person_id,
        "aud": client_id,
        "iat": issued_at,
        "exp": issued_at + int(LIFETIME.total_seconds()),
        "auth_time": int(authentication.signed_in_at.timestamp()),
        "nonce": nonce,
        "acr": class_of(authentication.level, authentication.method),
        "amr": methods_of(authentication.method),
        "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        "sid": authentication.session_id,
    }
    known = {name: value for name, value in claims.items() if value}
    return signer.sign(known, token_type=ID_TOKEN_TYPE)
