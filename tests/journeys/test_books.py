"""Every call is counted once, whatever is killed."""

from pathlib import Path

import pytest

from support.processes.books import SMALL_QUOTA, SMALL_TENANTS, TENANTS, running_torture

pytestmark = [pytest.mark.anyio, pytest.mark.whole_machine]

KILLS = 7
"""Each of the seven parts is killed once."""


async def test_after_each_part_was_killed_every_book_has_the_same_units(tmp_path: Path) -> None:
    async with running_torture(tmp_path, seed=20261128) as torture:
        books = await torture.run(calls=20, kills=KILLS)

    assert books.differences() == []
    assert books.kills.total() == KILLS
    # Each tenant was served, and those on the small plan used it up and no more.
    assert all(books.answered[tenant] for tenant in TENANTS)
    used = {tenant: sum(books.ledger[tenant].values()) for tenant in SMALL_TENANTS}
    assert {tenant: units for tenant, units in used.items() if units > SMALL_QUOTA} == {}
    assert [tenant for tenant in SMALL_TENANTS if not books.refused[tenant]] == []
