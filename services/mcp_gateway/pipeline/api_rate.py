"""How often a tenant may call one of several APIs, beside what its plan allows."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from gatepost.metering.rate import MINUTE
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.limits.port import Bucket
from mcp_gateway.limits.states import count, describe_full
from mcp_gateway.pipeline.call import RateLimited
from mcp_gateway.pipeline.conversation import Conversation


class ApiRate(NamedTuple):
    """The rate of each tenant's calls to an API."""

    title: str
    """The API's name for people."""
    per_minute: int
    bucket: Bucket

    @property
    def allowed(self) -> str:
        """The rate in words."""
        return f"{count(self.per_minute, 'call')} a minute to {self.title}"

    @classmethod
    def of(cls, name: str, title: str, per_minute: int) -> Self:
        """Spread calls a minute evenly, up to as many at once after a pause."""
        bucket = Bucket(f"api:{name}", max(MINUTE // per_minute, 1), per_minute)
        return cls(title, per_minute, bucket)

    def bucket_for(self, calls: int) -> Bucket:
        """Return the bucket for something that makes so many calls at most, which takes room for all."""
        if calls == 1:
            return self.bucket
        name, interval, burst = self.bucket
        return Bucket(name, interval * calls, max(burst // calls, 1))

    def refuse(
        self, conversation: Conversation, seconds: float, *, tool: str, calls: int
    ) -> RateLimited:
        """Tell the client of the limit, and return the refusal to raise."""
        state = describe_full("api", self.per_minute, seconds)
        conversation.note_limits([state], state.resets)
        weight = f", and one of {tool} counts as {calls}" if calls > 1 else ""
        return RateLimited(f"Your organisation may make {self.allowed}{weight}.", seconds)


def api_rates(catalogue: Catalogue, per_minute: Mapping[str, int]) -> dict[str, ApiRate]:
    """Return the rates of the APIs that have one, by the API's name."""
    return {
        name: ApiRate.of(name, part.title, per_minute[name])
        for name, part in catalogue.apis.items()
        if name in per_minute
    }
