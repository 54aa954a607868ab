"""Follow a feed of news, whatever happens to it."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

SILENCE_SECONDS = 60
"""Silence after which a feed counts as broken; every feed answers at least twice in this time."""


class FeedBroken(Exception):
    """The feed can't be read; the message says why, for the log."""


async def follow_feed(
    read: Callable[[], AsyncGenerator[None]],
    *,
    tell: Callable[[str], None],
    pauses: Sequence[float],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Read a feed until cancelled, and start anew whenever it breaks, ends or falls silent.

    Args:
        read: yields after each answer of the feed, also after one without news.
        tell: logs why the feed broke; called once until the feed answers again.
        pauses: seconds before the feed is read again, after the first failure, the second and so on.
        sleep: waits before the feed is read again.
    """
    failures, loop = 0, asyncio.get_running_loop()
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS) as deadline:
                async with aclosing(read()) as answers:
                    async for _ in answers:
                        failures = 0
                        deadline.reschedule(loop.time() + SILENCE_SECONDS)
            reason = "ended"
        except FeedBroken as broken:
            reason = str(broken)
        except TimeoutError:
            reason = "silent"
        except Exception as error:  # noqa: BLE001 - an unexpected error must not end the following
            reason = f"{type(error).__name__}: {error}"
        if failures == 0:
            tell(reason[:300])
        pause = pauses[min(failures, len(pauses) - 1)]
        failures += 1
        # Random, so that the gateways of a large deployment do not reconnect all at once.
        await sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret
