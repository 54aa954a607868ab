"""The answers of `/livez` and `/readyz`, from a list of named pings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

log = structlog.get_logger()
Ping = Callable[[], Awaitable[None]]


async def check_readiness(pings: Mapping[str, Ping]) -> tuple[int, dict[str, object]]:
    """Run every ping, each for at most two seconds.

    Returns:
        200 or 503, and `{"status": …, "checks": {name: "ok" | "failing"}}`. The answer is public
        and names only the part; the log has the reason.
    """

    async def run(name: str, ping: Ping) -> str:
        try:
            await asyncio.wait_for(ping(), timeout=2)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the part does not answer
            log.warning("not_ready", part=name, kind=type(error).__name__)
            return "failing"
        return "ok"

    results = await asyncio.gather(*(run(name, ping) for name, ping in pings.items()))
    checks: dict[str, object] = dict(zip(pings, results, strict=True))
    ready = all(result == "ok" for result in results)
    return (200 if ready else 503), {"status": "ok" if ready else "failing", "checks": checks}
