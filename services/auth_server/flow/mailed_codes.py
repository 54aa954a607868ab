"""Codes of eight digits by mail, which prove an address to the browser that asked for them.

The code travels sealed in the form, so that only this browser can use it, once and for ten minutes.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends

from auth_server.db.engine import DbSession
from auth_server.flow.flow_state import FlowState, FlowStates, Sealer, over
from auth_server.records.attempts.store import count_attempt
from auth_server.records.flow_states.store import use_flow_state
from auth_server.secrets import NewSecret, hash_secret, matches
from auth_server.web.dependencies import SecretMaker

MOST_GUESSES = 5
MOST_IN_AN_HOUR = 5
"""How many codes a person may request in an hour, whatever the addresses are."""
_HOUR = timedelta(hours=1)


def make_code(secret: str) -> str:
    """Make a code of eight digits from a random secret."""
    return f"{int(hashlib.sha256(secret.encode()).hexdigest(), 16) % 10**8:08}"


def spell(code: str) -> str:
    """Write a code for a mail, in two groups."""
    return f"{code[:4]} {code[4:]}"


def is_right(flow_state: FlowState, typed: str | None) -> bool:
    """Return whether a person typed the code of a flow state, with or without spaces."""
    return matches(flow_state.secret, "".join((typed or "").split()))


async def admit_guess(db: DbSession, ticket: str, *, now: datetime) -> bool:
    """Count one guess at the code of a form; return whether it is allowed."""
    guesses = hash_secret(f"guesses of {ticket}")
    return (await count_attempt(db, guesses, most=MOST_GUESSES, window=_HOUR, now=now)) is None


@dataclass(frozen=True, slots=True)
class MailedCodes:
    """Makes codes, and checks them."""

    sealer: FlowStates
    new_secret: NewSecret

    async def admit(self, db: DbSession, owner: str) -> bool:
        """Count one code that is requested for a person; return whether it is allowed."""
        counted = hash_secret(f"mailed codes of {owner}")
        most, now = MOST_IN_AN_HOUR, self.sealer.now()
        return await count_attempt(db, counted, most=most, window=_HOUR, now=now) is None

    def make(self, way: str, owner: str, address: str, browser: str) -> tuple[str, str]:
        """Make a code for an address; return it, and the ticket for the form.

        Args:
            way: the purpose of the code.
            owner: the id of the person or thing that it is about.
            address: the address that it proves.
            browser: the secret in the browser's cookie.
        """
        code = make_code(self.new_secret())
        made = FlowState(
            way=way,
            field="address",
            value=address,
            nonce=owner,
            secret=code,
            left_at=int(self.sealer.now().timestamp()),
        )
        return code, self.sealer.seal(made, browser)

    def open(self, ticket: str, way: str, owner: str, browser: str | None) -> FlowState:
        """Open a ticket; its `value` is the address.

        Raises:
            PageError: it is too old, or of another browser, purpose or owner.
        """
        flow_state = self.sealer.unseal(ticket, browser)
        if flow_state is None or (flow_state.way, flow_state.nonce) != (way, owner):
            raise over()
        return flow_state

    async def use(self, db: DbSession, ticket: str, flow_state: FlowState) -> None:
        """Use a ticket up.

        Raises:
            PageError: it was used before.
        """
        if not await use_flow_state(db, hash_secret(ticket), expires_at=flow_state.until):
            raise over()


async def _mailed_codes(sealer: Sealer, new_secret: SecretMaker) -> MailedCodes:
    return MailedCodes(sealer, new_secret)


Codes = Annotated[MailedCodes, Depends(_mailed_codes)]
