"""Kill every part that counts calls, again and again, and compare the books.

`./dev bench books --rounds N [--seed S]`: in each round, twenty tenants call through two gateways while
the gateways, two workers, the authorization server, PostgreSQL and Redis are killed (SIGKILL) one after
another, each twice. Then every answered call must be in the ledger once, and ledger, usage by the hour,
call log and quota must hold the same units for each tenant, and so must the meter of an imitated Stripe
after exports on which requests went wrong. It exits with 1 at the first difference.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.processes.books import Books, running_torture

KILLS = 14


async def play(seed: int) -> Books:
    """Play one round."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_torture(Path(folder), seed=seed) as torture:
            return await torture.run(calls=20, kills=KILLS)


def main() -> None:
    """Play the rounds, and print one line for each."""
    parser = argparse.ArgumentParser(prog="./dev bench books", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.rounds):
        books = asyncio.run(play(seed))
        entries = sum(len(calls) for calls in books.ledger.values())
        answered = sum(len(calls) for calls in books.answered.values())
        sys.stdout.write(
            f"seed {seed}: {books.kills.total()} kills; {answered} successes seen, "
            f"{books.refused.total()} refused beyond a quota, {books.unanswered} without an answer, "
            f"{books.unknown} of unknown outcome; {entries} entries, "
            f"{sum(books.hours.values())} units in every book\n"
        )
        sys.stdout.flush()
        if differences := books.differences():
            raise SystemExit("\n".join(differences))


if __name__ == "__main__":
    main()
