"""Write the options for passkeys (WebAuthn), and verify the browser's responses.

The challenge is the nonce of a `FlowState`, valid for one browser, ten minutes and one use.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth_server.db.engine import DbSession
from auth_server.flow.flow_state import FlowState
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import find_passkey, use_passkey
from auth_server.records.second_factors.table import Passkey
from auth_server.settings import AuthServerSettings

_MISREAD = (WebAuthnException, ValueError, TypeError, KeyError, RecursionError)
"""The errors that the library raises for malformed or invalid responses."""


def are_possible(settings: AuthServerSettings) -> bool:
    """Return whether this server can have passkeys, which need a domain and not an IP address."""
    try:
        ipaddress.ip_address(_domain(settings))
    except ValueError:
        return True
    return False


def ask_for_passkey(flow_state: FlowState, settings: AuthServerSettings) -> str:
    """Write the options of `navigator.credentials.get` for any passkey of this domain.

    User verification is required, so that a passkey counts as two factors.
    """
    options = generate_authentication_options(
        rp_id=_domain(settings),
        challenge=base64url_to_bytes(flow_state.nonce),
        timeout=_TIMEOUT,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def offer_passkey(
    flow_state: FlowState, person: Person, held: Sequence[Passkey], settings: AuthServerSettings
) -> str:
    """Write the options of `navigator.credentials.create` for a discoverable passkey."""
    options = generate_registration_options(
        rp_id=_domain(settings),
        rp_name=settings.branding.name or _domain(settings),
        user_id=hashlib.sha256(f"passkeys of {person.person_id}".encode()).digest(),
        user_name=person.known_as,
        user_display_name=person.name,
        challenge=base64url_to_bytes(flow_state.nonce),
        timeout=_TIMEOUT,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential_id)) for key in held
        ],
    )
    return options_to_json(options)


async def match_passkey(
    db: DbSession,
    credential: str,
    flow_state: FlowState,
    settings: AuthServerSettings,
    now: datetime,
) -> Passkey | None:
    """Find the passkey that signed this challenge, and record its use (WebAuthn Level 3 §7.2)."""
    try:
        given = parse_authentication_credential_json(credential)
        passkey = await find_passkey(db, bytes_to_base64url(given.raw_id)[:1400])
        if passkey is None:
            return None
        verified = verify_authentication_response(
            credential=given,
            expected_challenge=base64url_to_bytes(flow_state.nonce),
            expected_rp_id=_domain(settings),
            expected_origin=_origin(settings),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except _MISREAD:
        return None
    count = verified.new_sign_count
    await use_passkey(db, passkey.credential_id, sign_count=count, now=now)
    return passkey


def read_passkey(
    credential: str,
    flow_state: FlowState,
    person: Person,
    name: str,
    settings: AuthServerSettings,
    now: datetime,
) -> Passkey | None:
    """Verify and read a passkey that a device made for this challenge (WebAuthn Level 3 §7.1)."""
    try:
        made: Any = verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(flow_state.nonce),
            expected_rp_id=_domain(settings),
            expected_origin=_origin(settings),
            require_user_verification=True,
        )
    except _MISREAD:
        return None
    return Passkey(
        credential_id=bytes_to_base64url(made.credential_id),
        person_id=person.person_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=name,
        created_at=now,
    )


_TIMEOUT = 5 * 60 * 1000  # milliseconds


def _domain(settings: AuthServerSettings) -> str:
    return urlsplit(settings.issuer).hostname or ""


def _origin(settings: AuthServerSettings) -> str:
    parts = urlsplit(settings.issuer)
    return f"{parts.scheme}://{parts.netloc}"
