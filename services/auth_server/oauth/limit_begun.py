"""Limit how many authorizations programs begin from one address."""

from math import ceil
from typing import Annotated

from fastapi import Depends, Request

from auth_server.errors import TooManyRequests
from auth_server.rate_limits.buckets import Buckets
from auth_server.web.address import address_of
from auth_server.web.dependencies import Clock, Settings, part


async def limit_begun(
    request: Request,
    settings: Settings,
    clock: Clock,
    begun: Annotated[Buckets, Depends(part(lambda runtime: runtime.begun))],
) -> None:
    """Count one, together with those that browsers begin at `/authorize`.

    Raises:
        TooManyRequests: the address has begun too many.
    """
    address, now = address_of(request, settings), clock()
    wait = begun.wait(address, now)
    if wait > 0:
        raise TooManyRequests(
            "too many connection attempts from this address; try again later",
            retry_after=ceil(wait),
            setting="authorizations_per_minute",
        )
    begun.take(address, now)
