"""Rounds of questions in the modern era, in which the client carries the earlier answers.

2026-07-28 multi round-trip requests: the result of a request may be questions and a state; the client
repeats the request with answers and that state, and the call continues.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.elicitation.ask import Ask
from mcp_gateway.elicitation.confirmations import Confirmations, ConfirmationsUnavailable
from mcp_gateway.elicitation.seal import Sealer, principal_of
from mcp_gateway.pipeline.conversation import AnswerRefused, InputRequired, NobodyAnswered

LIFETIME = 600
"""Seconds of wall-clock time, since the answer may reach another process."""
_PURPOSE = "requestState"


class RoundTrips:
    """The answers that one request brings: earlier rounds in the state, the last one in the params.

    A state is valid only for its person, client, tenant, method, name and arguments. The answer to
    a confirmation is valid only for the question that was asked, and for one call.
    """

    __slots__ = (
        "_asked",
        "_caller",
        "_confirmations",
        "_method",
        "_now",
        "_params",
        "_read",
        "_request_id",
        "_sealer",
        "_state",
    )

    def __init__(
        self,
        method: str,
        params: Mapping[str, Any],
        caller: AccessClaims,
        request_id: str,
        *,
        sealer: Sealer,
        confirmations: Confirmations,
        now: Now,
    ) -> None:
        """Take the request; its answers are read at the first question.

        Args:
            method: the request's method.
            params: its params.
            caller: who sent it.
            request_id: an id that no other request has.
            sealer: seals the state.
            confirmations: remember which confirmations were used.
            now: the clock.
        """
        self._method = method
        self._params = params
        self._caller = caller
        self._request_id = request_id
        self._sealer = sealer
        self._confirmations = confirmations
        self._now = now
        self._state: Mapping[str, Any] | None = None
        self._asked = 0
        self._read: tuple[list[Mapping[str, Any]], Mapping[str, Any] | None] | None = None

    async def take(self, asked: Sequence[Ask]) -> Mapping[str, Any]:
        """Return the answers of the next round.

        Raises:
            InputRequired: an answer is missing.
            AnswerRefused: the state or an answer is invalid, or was used before.
            NobodyAnswered: whether a confirmation was used before can't be found out.
        """
        earlier, given = self._read = self._read or self._read_answers()
        number = self._asked
        self._asked += 1
        confirms = any(one.confirms for one in asked)
        if number < len(earlier):
            if not confirms and all(one.key in earlier[number] for one in asked):
                return earlier[number]
            # The manifest has changed since, so the earlier answers no longer fit.
            earlier, given = self._read = (earlier[:number], None)
        complete = given is not None and all(one.key in given for one in asked)
        if given is not None and complete and (not confirms or await self._redeem(asked)):
            taken = {one.key: given[one.key] for one in asked}
            self._read = ([*earlier, taken], None)
            return taken
        state = {
            "id": self._request_id,
            "call": self._call(),
            "asked": _digest_of(asked),
            "expires": int(self._now().timestamp()) + LIFETIME,
            "answered": earlier,
        }
        raise InputRequired(asked, self._sealer.seal(_PURPOSE, state))

    async def _redeem(self, asked: Sequence[Ask]) -> bool:
        """Use the state of a confirmation; return False if none was issued for this question."""
        state = self._state
        if state is None or state["asked"] != _digest_of(asked):
            return False
        try:
            first = await self._confirmations.redeem(state["id"], state["expires"])
        except ConfirmationsUnavailable:
            raise NobodyAnswered(
                "The gateway can't check at the moment whether this confirmation was used before."
            ) from None
        if not first:
            raise AnswerRefused(
                "This confirmation was used before; call again without params.requestState"
            )
        return True

    def _read_answers(self) -> tuple[list[Mapping[str, Any]], Mapping[str, Any] | None]:
        given = self._params.get("inputResponses", {})
        if not isinstance(given, dict) or not all(isinstance(one, dict) for one in given.values()):
            raise AnswerRefused("params.inputResponses must be an object of objects")
        if "requestState" not in self._params:
            return [], given or None
        sealed = self._params["requestState"]
        state = self._sealer.open(_PURPOSE, sealed) if isinstance(sealed, str) else None
        if state is None or state["call"] != self._call():
            raise AnswerRefused("params.requestState was not issued for this exact request")
        if state["expires"] <= self._now().timestamp():
            raise AnswerRefused("params.requestState has expired; call again without it")
        self._state = state
        return state["answered"], given or None

    def _call(self) -> str:
        params = self._params
        named = params.get("name", params.get("uri"))
        bound = [principal_of(self._caller), self._method, named, params.get("arguments") or {}]
        return _digest(bound)


def _digest_of(asked: Sequence[Ask]) -> str:
    return _digest([[one.key, one.params, one.tool] for one in asked])


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
