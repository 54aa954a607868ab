"""Ask a model about every case."""

import asyncio
from collections.abc import Sequence

from gatepost_cli.terminal import Tell
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.evals.cases import Case
from mcp_gateway.evals.chat import Chat
from mcp_gateway.evals.run_case import offer_tools, run_case
from mcp_gateway.review.eval_report import CaseResult


async def evaluate(
    chat: Chat, model: str, catalogue: Catalogue, cases: Sequence[Case], tell: Tell
) -> list[CaseResult]:
    """Return the result of each case, in the order of the cases; the chat bounds how many are under way."""
    done, tools = 0, offer_tools(catalogue)

    async def one(case: Case) -> CaseResult:
        nonlocal done
        result = await run_case(chat, model, catalogue, case, tools)
        done += 1
        tell(f"{done} of {len(cases)} cases")
        return result

    return list(await asyncio.gather(*(one(case) for case in cases)))
