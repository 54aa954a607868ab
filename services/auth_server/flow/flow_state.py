"""What a browser takes along while it is away to sign in: sealed, for that browser, good once.

Nothing is stored when a browser leaves, so that leaving costs nothing; what came back is.
"""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from auth_server.errors import PageError
from auth_server.records.flow_states.store import use_flow_state
from auth_server.runtime import Runtime
from auth_server.secrets import hash_secret

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FlowState:
    """Why and how a browser left.

    Attributes:
        way: the connector's name, or what else it is to come back from.
        field: with `value`, the errand, as forms name it.
        value: see `field`.
        nonce: what the answer must repeat.
        secret: what only the answer's reader needs to know: PKCE's verifier, a person's id.
        left_at: when, in seconds since 1970.
        fresh: whether the person had to prove again who they are.
    """

    way: str
    field: str
    value: str
    nonce: str
    secret: str
    left_at: int
    fresh: bool = False

    @property
    def left(self) -> datetime:
        """When the browser left."""
        return datetime.fromtimestamp(self.left_at, UTC)

    @property
    def until(self) -> datetime:
        """When it is over."""
        return self.left + LIFETIME


def over() -> PageError:
    """Make the refusal of a ticket that serves no more."""
    return PageError(
        "This sign-in has expired",
        "It was already used, took too long, or started in another browser. Go back and try again.",
        detail="no such ticket in this browser",
    )


def seal_flow_state(flow_state: FlowState, browser: str, opened: Runtime) -> str:
    """Seal a ticket for one browser, base64url."""
    plain = json.dumps(asdict(flow_state), separators=(",", ":")).encode()
    sealed = opened.keys.seal("tickets", plain, context=hash_secret(browser))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal_flow_state(text: str | None, browser: str | None, opened: Runtime) -> FlowState | None:
    """Open a ticket; None where it is not this browser's, is too old, or is none."""
    if not text or not browser:
        return None
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    plain = opened.keys.unseal("tickets", sealed, context=hash_secret(browser))
    if plain is None:
        return None
    flow_state = FlowState(**json.loads(plain))
    return flow_state if opened.now() < flow_state.until else None


async def redeem_flow_state(
    text: str | None, browser: str | None, opened: Runtime, *, way: str
) -> FlowState | None:
    """Open a ticket and use it up, whatever becomes of the sign-in; None where it serves no more."""
    flow_state = unseal_flow_state(text, browser, opened)
    if flow_state is None or flow_state.way != way:
        return None
    async with opened.transaction() as db:
        first = await use_flow_state(db, hash_secret(text or ""), expires_at=flow_state.until)
    return flow_state if first else None
