"""Follow the stream that the authorization server keeps in Redis."""

from collections.abc import AsyncGenerator, Sequence

import structlog
from pydantic import ValidationError

from gatepost.network.redis import REDIS_ERRORS, open_redis
from gatepost.revocations import Revocation, stream_key
from mcp_gateway.follow_feed import FeedBroken

_BLOCK_SECONDS = 10
_MOST = 1000

log = structlog.get_logger()


class RedisFeed:
    """Reads the stream from its beginning, then waits for new entries."""

    def __init__(self, url: str, *, issuer: str) -> None:
        """Take the URL; `read` connects, over a separate connection."""
        self._url = url
        self._key = stream_key(issuer)

    async def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Yield everything in the stream, then new entries.

        Raises:
            FeedBroken: Redis does not answer.
        """
        redis = open_redis(self._url, timeout=_BLOCK_SECONDS + 5)
        place, wait = b"0", None
        try:
            while True:
                answer = await redis.xread({self._key: place}, count=_MOST, block=wait)
                entries = [entry for _, found in answer or () for entry in found]
                if entries:
                    place = entries[-1][0]
                # Existing entries are read without waiting, since an empty answer shows that Redis
                # is up.
                wait = None if len(entries) == _MOST else _BLOCK_SECONDS * 1000
                yield [news for _, fields in entries if (news := _parse(fields)) is not None]
        except REDIS_ERRORS as error:
            raise FeedBroken(f"{type(error).__name__}: {error}") from error
        finally:
            await redis.aclose()


def _parse(fields: dict[bytes, bytes]) -> Revocation | None:
    try:
        return Revocation.model_validate_json(fields.get(b"revocation", b""))
    except ValidationError:
        # A newer authorization server may have written it; skip it and read the others.
        log.warning("revocation_unreadable")
        return None
