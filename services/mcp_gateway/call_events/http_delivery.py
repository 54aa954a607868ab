"""Deliver call events to the authorization server over HTTP."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson

from gatepost.metering.call_event import write_events
from mcp_gateway.call_events.port import DeliveryFailed

Post = Callable[[bytes], Awaitable[int]]
"""Posts a JSON body to the authorization server; returns the status or raises `DeliveryFailed`."""


class HttpDelivery:
    """Posts events with proof of the sender; a 200 means that they are committed."""

    def __init__(self, post: Post, prove: Callable[[], Mapping[str, str]]) -> None:
        """Take the function that posts, and the one that makes a request's authentication members."""
        self._post = post
        self._prove = prove

    async def send(self, events: Sequence[bytes]) -> None:
        """Deliver some events.

        Raises:
            DeliveryFailed: there was no answer, or its status was not 200.
        """
        proof = orjson.dumps(self._prove())
        status = await self._post(proof[:-1] + b',"events":' + write_events(events) + b"}")
        if status != 200:
            raise DeliveryFailed(f"the authorization server answered {status}")
