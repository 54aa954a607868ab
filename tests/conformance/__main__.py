"""`./dev conformance`: run the official suite against the fixture, or leave the fixture running."""

import asyncio
import json
import signal
import tempfile
from pathlib import Path

import click

from conformance.deployment import Fixture, running_fixture
from conformance.score import REVISIONS, score
from gatepost_cli.terminal import echo
from support.in_process.person import ADA


@click.command()
@click.option("--serve", is_flag=True, help="Leave the deployment running until Ctrl-C.")
@click.option(
    "--state-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --serve: where to write issuer, mcp, person and password, as JSON.",
)
@click.option("--revision", type=click.Choice(REVISIONS), multiple=True, default=REVISIONS)
def main(serve: bool, state_file: Path | None, revision: tuple[str, ...]) -> None:
    """Run the official conformance suite against a gateway with the fixture's manifest."""
    if state_file is not None and not serve:
        raise click.UsageError("--state-file goes with --serve")
    with tempfile.TemporaryDirectory(prefix="gatepost-conformance-") as name:
        folder = Path(name)
        with running_fixture(folder) as fixture:
            if serve:
                _serve(fixture, state_file)
                return
            problems: list[str] = []
            for one in revision:
                result = asyncio.run(score(fixture, one, folder))
                echo(str(result))
                for scenario, why in result.expected.items():
                    echo(f"  expected to fail: {scenario}: {why}")
                for scenario, why in result.unscored.items():
                    echo(f"  not scored: {scenario}: {why or 'passes'}")
                problems += result.problems
    if problems:
        raise click.ClickException("\n".join(problems))


def _serve(fixture: Fixture, state_file: Path | None) -> None:
    email, password = ADA
    state = {
        "issuer": fixture.issuer,
        "mcp": fixture.resource,
        "person": email,
        "password": password,
    }
    # Handle signals before reporting readiness; an early one would end it halfway.
    stop = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    text = json.dumps(state, indent=2)
    if state_file is not None:
        partial = state_file.with_name(f"{state_file.name}.partial")
        partial.write_text(f"{text}\n")
        partial.replace(state_file)
    echo(text)
    signal.sigwait(stop)


if __name__ == "__main__":
    main(prog_name="./dev conformance")
