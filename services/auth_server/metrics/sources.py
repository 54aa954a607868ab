"""Where the values come from: the memory of the process, and queues in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from auth_server.metrics.names import (
    BUDGETS,
    FEED,
    FEED_AGE,
    FETCHES,
    GUESSES,
    IN_THE_DATABASE,
    REFUSALS,
)
from auth_server.records.book_comparisons.store import count_differences
from auth_server.records.mails.store import count_waiting_mails
from auth_server.records.signing_keys.store import find_active_since
from auth_server.records.usage_exports.store import sum_exports
from auth_server.records.usage_exports.table import ExportState
from auth_server.records.webhooks.deliveries import count_waiting_deliveries
from auth_server.runtime import Runtime
from gatepost.metrics.series import Page, Values


class Waiting(NamedTuple):
    """A queue: how many wait, and since when the first."""

    number: int
    oldest: datetime | None


def add_runtime(page: Page, runtime: Runtime) -> None:
    """Add what the process counts in memory, and the queues in the database."""
    denials, guesses, feed = runtime.denials, runtime.wrong_guesses, runtime.feed
    page.read(REFUSALS, lambda: _floats(denials.totals))
    page.read(GUESSES, lambda: {(): float(guesses.counted)})
    page.read(BUDGETS, lambda: {(setting,): float(n) for setting, n in denials.spent.items()})
    page.read(FETCHES, lambda: _floats(runtime.fetches))
    page.read(FEED, lambda: {(): float(feed.newest)})
    page.read(FEED_AGE, lambda: _age(feed.looked_at, runtime.now()))

    async def read_queues() -> Sequence[Values]:
        now = runtime.now()
        async with runtime.database.reading() as db:
            mails = Waiting(*await count_waiting_mails(db))
            webhooks = Waiting(*await count_waiting_deliveries(db))
            exports = await sum_exports(db)
            key_since = await find_active_since(db)
            differences = await count_differences(db)
        unconfirmed = [total.since for total in exports if total.state != ExportState.CONFIRMED]
        return (
            {(): float(mails.number)},
            _age(mails.oldest, now) or {(): 0.0},
            {(): float(webhooks.number)},
            _age(webhooks.oldest, now) or {(): 0.0},
            {(total.state,): float(total.exports) for total in exports},
            _age(min(unconfirmed, default=None), now) or {(): 0.0},
            {(): float(differences)},
            _age(key_since, now),
        )

    page.read_together(IN_THE_DATABASE, read_queues)


def _floats(counts: Mapping[tuple[str, str], int]) -> Values:
    return {labels: float(number) for labels, number in counts.items()}


def _age(since: datetime | None, now: datetime) -> Values:
    return {} if since is None else {(): max((now - since).total_seconds(), 0.0)}
