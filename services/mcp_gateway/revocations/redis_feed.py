"""Following the stream that the authorization server keeps in Redis."""

from collections.abc import AsyncGenerator, Sequence

import structlog
from pydantic import ValidationError
from redis.exceptions import RedisError

from gatepost.redis import open_redis
from gatepost.revocations import Revocation, stream_key
from mcp_gateway.revocations.port import FeedBroken

_BLOCK_SECONDS = 10
_MOST = 1000

log = structlog.get_logger()


class RedisFeed:
    """Reads the stream from its beginning, then waits for what is added."""

    def __init__(self, url: str, *, issuer: str) -> None:
        """Take the place; connects when read, over one connection of its own."""
        self._url = url
        self._key = stream_key(issuer)

    async def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Answer everything in the stream, then what is added.

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
                # What is there already is read without waiting: an empty stream is news, too.
                wait = None if len(entries) == _MOST else _BLOCK_SECONDS * 1000
                yield [news for _, fields in entries if (news := _parse(fields)) is not None]
        except (RedisError, OSError) as error:
            raise FeedBroken(f"{type(error).__name__}: {error}") from error
        finally:
            await redis.aclose()


def _parse(fields: dict[bytes, bytes]) -> Revocation | None:
    try:
        return Revocation.model_validate_json(fields.get(b"revocation", b""))
    except ValidationError:
        # Of a newer authorization server, perhaps. The others must not be missed for it.
        log.warning("revocation_unreadable")
        return None
