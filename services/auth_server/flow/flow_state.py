"""The state of a sign-in or a link that takes two requests, sealed for one browser and one use.

The browser carries it, so that beginning a sign-in stores nothing. Only its use is stored.
"""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends

from auth_server.db.engine import OpenTransaction
from auth_server.errors import PageError
from auth_server.keys import Keys
from auth_server.records.flow_states.store import use_flow_state
from auth_server.secrets import hash_secret
from auth_server.web.dependencies import Clock, KeysInUse
from gatepost.clock import Now

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FlowState:
    """The purpose and the secrets of a sign-in that has begun.

    Attributes:
        way: the name of the connector, or another way to sign in.
        field: the form field that names the sign-in purpose.
        value: the value of that field.
        nonce: the value that the response must repeat.
        secret: a value for the second request: the PKCE verifier, or a person's id.
        left_at: when the sign-in began, in seconds since 1970.
        fresh: whether the provider must prove that the person authenticated again.
        person_id: the person who links an account; empty in a sign-in.
        tenant_id: the tenant in which they link it.
    """

    way: str
    field: str
    value: str
    nonce: str
    secret: str
    left_at: int
    fresh: bool = False
    person_id: str = ""
    tenant_id: str = ""

    @property
    def left(self) -> datetime:
        """When the sign-in began."""
        return datetime.fromtimestamp(self.left_at, UTC)

    @property
    def until(self) -> datetime:
        """When the flow state expires."""
        return self.left + LIFETIME


def over() -> PageError:
    """Make the refusal of an invalid, expired or used flow state."""
    return PageError(
        "This sign-in has expired",
        "It was already used, took too long, or started in another browser. Go back and try again.",
        detail="no such flow state in this browser",
    )


@dataclass(frozen=True, slots=True)
class FlowStates:
    """Seals and unseals flow states."""

    keys: Keys
    now: Now

    def seal(self, flow_state: FlowState, browser: str) -> str:
        """Seal a flow state for one browser, base64url."""
        plain = json.dumps(asdict(flow_state), separators=(",", ":")).encode()
        sealed = self.keys.seal("tickets", plain, context=hash_secret(browser))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def unseal(self, text: str | None, browser: str | None) -> FlowState | None:
        """Unseal a flow state; None if it is malformed, too old, or another browser's."""
        if not text or not browser:
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        # Another spelling of the same bytes would count as another flow state that was not used yet.
        if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != text:
            return None
        plain = self.keys.unseal("tickets", sealed, context=hash_secret(browser))
        if plain is None:
            return None
        flow_state = FlowState(**json.loads(plain))
        return flow_state if self.now() < flow_state.until else None

    async def redeem(
        self, text: str | None, browser: str | None, transaction: OpenTransaction, *, way: str
    ) -> FlowState | None:
        """Unseal a flow state and mark it as used, whether or not the sign-in succeeds.

        Returns None if it is invalid or was already used.
        """
        flow_state = self.unseal(text, browser)
        if flow_state is None or flow_state.way != way:
            return None
        async with transaction() as db:
            first = await use_flow_state(db, hash_secret(text or ""), expires_at=flow_state.until)
        return flow_state if first else None


async def _flow_states(keys: KeysInUse, now: Clock) -> FlowStates:
    return FlowStates(keys, now)


Sealer = Annotated[FlowStates, Depends(_flow_states)]
