"""The official conformance suite acts as a client of the authorization server."""

import asyncio

import httpx2
import pytest

from support.in_process.person import ADA
from support.processes.conformance import run_authorization_suite
from support.processes.deployment import MANAGED_CLIENT, Deployment, a_person
from support.processes.services import free_port

pytestmark = pytest.mark.whole_machine


def approve(authorize_url: str) -> None:
    """Be Ada, who approves, and follow the redirect to where the suite waits."""

    async def answer() -> str:
        async with a_person(ADA[0]) as ada:
            return await ada.approve(authorize_url)

    httpx2.get(asyncio.run(answer()), trust_env=False).raise_for_status()


def test_the_authorization_server_passes_the_conformance_suite_with_nothing_skipped(
    deployment: Deployment,
) -> None:
    result = run_authorization_suite(
        deployment.issuer,
        client_id=MANAGED_CLIENT,
        port=free_port(),
        resource=deployment.resource,
        open_url=approve,
    )

    assert (result.passed, result.failed, result.skipped) == (3, 0, 0), result.text
    assert "3 passed, 0 failed" in result.text
