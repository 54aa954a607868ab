"""Follow apps and people from discovery to the first call, and name where they stopped."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.operator import ActingOperator
from auth_server.administration.usage import Days
from auth_server.db.engine import DbSession
from auth_server.records.authorization_requests.store import count_progress
from auth_server.records.call_log.store import count_called
from auth_server.records.connect_steps.store import sum_steps
from auth_server.records.grants.store import list_new_grants
from auth_server.rendering.translation import translatable
from gatepost.metering.plans import start_of_day

MOST_GRANTS = 2_000
"""Of how many new connections the first call is looked up."""
Step = Literal[
    "discovery",
    "registration",
    "authorization",
    "signed_in",
    "consent",
    "approved",
    "token",
    "call",
]
STEPS: Mapping[Step, str] = {
    "discovery": translatable("Read the metadata"),
    "registration": translatable("Registered an app"),
    "authorization": translatable("Began to connect"),
    "signed_in": translatable("Signed in"),
    "consent": translatable("Came to the consent page"),
    "approved": translatable("Approved"),
    "token": translatable("Got the first tokens"),
    "call": translatable("Called a tool"),
}
"""The words for each step, in their order."""
_BEFORE_CONSENT = frozenset(
    {
        "sign_in",
        "no_tenant",
        "not_member",
        "choose_tenant",
        "own_provider",
        "step_up",
        "link_account",
        "not_allowed",
    }
)
_SHORT_OF: Mapping[str, frozenset[str]] = {
    "signed_in": frozenset({"sign_in"}),
    "consent": _BEFORE_CONSENT,
    "approved": _BEFORE_CONSENT | {"consent", "denied"},
}
"""How far a request came that did not reach a step."""
LEFT: Mapping[str, str] = {
    "sign_in": translatable("Left before signing in"),
    "no_tenant": translatable("Is not a member of any organisation"),
    "not_member": translatable("Is not a member of the organisation of the address"),
    "choose_tenant": translatable("Left the choice of an organisation"),
    "own_provider": translatable("Did not sign in with the organisation's own provider"),
    "step_up": translatable("Lacked the second factor that the organisation requires"),
    "link_account": translatable("Did not link their account at the API"),
    "not_allowed": translatable("The organisation doesn't allow the app"),
    "consent": translatable("Left the consent page"),
    "denied": translatable("Denied the request"),
}
"""The words for each place where a request ended without approval."""
REFUSED: Mapping[str, str] = {
    "refused_register": translatable("The registration was refused"),
    "refused_authorize": translatable("The app's request was refused"),
    "refused_sign-in": translatable("The sign-in was refused"),
    "refused_token": translatable("The tokens were refused"),
}
"""The words for each path that refused requests."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class StepView(_Value):
    """How often a step was reached."""

    step: Step
    times: int


class StopView(_Value):
    """Where some stopped, and why."""

    at: str
    """How far the request came, or `refused_` and the path that refused it."""
    error: str
    """The error of a refusal."""
    times: int


class Funnel(_Value):
    """The steps of a period, in days of UTC.

    Requests of the last minutes count as well, so that some of them are still under way. `call` counts
    the new connections among the newest 2,000 whose agent has called a tool.
    """

    since: datetime
    steps: list[StepView]
    stops: list[StopView]
    """Where some stopped, the most frequent first."""


async def read_funnel(
    db: DbSession, operator: ActingOperator, *, days: Days, now: datetime
) -> Funnel:
    """Count the steps of the last days, with today.

    Raises:
        Forbidden: `usage:read` is missing.
    """
    operator.require("usage:read")
    since = start_of_day(now) - timedelta(days=days - 1)
    counted = await sum_steps(db, since=since)
    ended = {result: times for (step, result), times in counted.items() if step == "authorization"}
    for progress, times in (await count_progress(db, since=since)).items():
        ended[progress] = ended.get(progress, 0) + times
    grants = await list_new_grants(db, since=since, most=MOST_GRANTS)
    reached: dict[Step, int] = {
        "discovery": counted.get(("discovery", ""), 0),
        "registration": counted.get(("registration", ""), 0),
        "authorization": sum(ended.values()),
        "signed_in": _sum_without(ended, "signed_in"),
        "consent": _sum_without(ended, "consent"),
        "approved": _sum_without(ended, "approved"),
        "token": counted.get(("token", ""), 0),
        "call": await count_called(db, grants, since=since),
    }
    stops = [StopView(at=at, error="", times=ended[at]) for at in LEFT if ended.get(at)]
    stops += [
        StopView(at=step, error=error, times=times)
        for (step, error), times in counted.items()
        if step in REFUSED
    ]
    return Funnel(
        since=since,
        steps=[StepView(step=step, times=reached[step]) for step in STEPS],
        stops=sorted(stops, key=lambda stop: (-stop.times, stop.at, stop.error)),
    )


def _sum_without(ended: Mapping[str, int], step: str) -> int:
    return sum(times for progress, times in ended.items() if progress not in _SHORT_OF[step])
