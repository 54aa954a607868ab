"""`gatepost eval run`: ask a model about every case, and report how it used the tools."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo, progress
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.evals.cases import CASES_FILE, Case, CasesError, follow_renamed, read_cases
from mcp_gateway.evals.chat import Chat
from mcp_gateway.evals.endpoint import Endpoint, UnsafeEndpoint, endpoint_url
from mcp_gateway.evals.evaluate import evaluate
from mcp_gateway.evals.recording import NOT_RECORDED, Recorder, RecordingError, Replayer
from mcp_gateway.evals.tell import tell_report
from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.review.commands.options import config_option, load_catalogue, manifest_option
from mcp_gateway.review.eval_report import Changed, EvalReport, compare_results, score_tools

_MOST_AT_ONCE = 32


@click.command()
@manifest_option
@config_option
@click.option(
    "--cases",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The file of cases.  [default: {CASES_FILE} beside the manifest or gatepost.yaml]",
)
@click.option(
    "--endpoint", help="Base URL of a chat-completions API, such as http://127.0.0.1:11434/v1."
)
@click.option("--model", required=True, help="The model's name.")
@click.option("--key-env", metavar="NAME", help="The environment variable that holds the API key.")
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another manifest (with --config, another gatepost.yaml), such as the published one: ask about "
    "it too, and compare.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the model's answers to a file.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take the answers from such a file; the endpoint is not asked.",
)
@click.option(
    "--at-once",
    default=4,
    show_default=True,
    type=click.IntRange(1, _MOST_AT_ONCE),
    help="Requests at the same time.",
)
@click.option(
    "--timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="Seconds for one answer.",
)
@click.option(
    "--require",
    metavar="PERCENT",
    type=click.IntRange(0, 100),
    default=0,
    help="Exit with 1 if fewer of the answered cases pass.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the report as JSON, for `tools lint --eval`."
)
def run(path: Path, config: Path | None, **options: Any) -> None:
    """Ask a model about every case, with the tools as the gateway lists them, and report.

    The API key is read from the variable that --key-env names and is never printed. Exits with 1 if no case got an
    answer, fewer than --require passed, or --replay has no answer for one.
    """
    given = _Options(**options)
    if (given.endpoint is None) == (given.replay is None):
        raise click.UsageError("choose one of --endpoint and --replay")
    if given.record is not None and given.replay is not None:
        raise click.UsageError("--record needs --endpoint")
    catalogue = load_catalogue(path, config)
    against = given.against
    former = None if against is None else load_catalogue(against, config and against)
    try:
        cases = read_cases(given.file or (config or path).with_name(CASES_FILE))
        report = asyncio.run(_run(given, catalogue, former, cases))
    except (CasesError, RecordingError, UnsafeEndpoint) as error:
        raise click.ClickException(str(error)) from None
    if given.as_json:
        echo(report.model_dump_json(indent=2))
    else:
        for line in tell_report(report):
            echo(write_line(line))
    old = any(one.detail == NOT_RECORDED for one in report.results)
    if old or not report.answered or report.percent < given.require:
        click.get_current_context().exit(1)


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of the command, as it describes them."""

    file: Path | None
    endpoint: str | None
    model: str
    key_env: str | None
    against: Path | None
    record: Path | None
    replay: Path | None
    at_once: int
    timeout: float
    require: int
    as_json: bool

    async def open(self, stack: AsyncExitStack) -> Chat:
        """Open the source of answers until the stack closes."""
        if self.replay is not None:
            return Replayer(self.replay)
        key = _key(self.key_env)
        url = endpoint_url(self.endpoint or "", has_key=bool(key))
        http = await stack.enter_async_context(Http1Client())
        chat = Endpoint(http, url, key, seconds=self.timeout, at_once=self.at_once)
        return chat if self.record is None else Recorder(chat, self.record)


def _key(variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key or not (key.isascii() and key.isprintable()):
        raise UnsafeEndpoint(f"--key-env: {variable} is not set, or is not a printable key")
    return key


async def _run(
    given: _Options, catalogue: Catalogue, former: Catalogue | None, cases: Sequence[Case]
) -> EvalReport:
    async with AsyncExitStack() as stack:
        chat = await given.open(stack)
        tell = stack.enter_context(progress())
        present = follow_renamed(cases, catalogue)
        results = await evaluate(chat, given.model, catalogue, present, tell)
        changed: tuple[Changed, ...] = ()
        if former is not None:
            known = [one for one in cases if one.tool is None or one.tool in former.tools]
            before = await evaluate(chat, given.model, former, known, tell)
            changed = compare_results(catalogue, former, results, before)
    return EvalReport(
        model=given.model,
        catalogue=catalogue.hash,
        results=tuple(results),
        tools=score_tools(results),
        changed=changed,
    )
