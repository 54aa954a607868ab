"""The imitation of Stripe as a process, which an authorization server sells plans through."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from support.processes.deployment import GATEPOST, Deployment, run
from support.processes.services import running_service


def selling_through(url: str, folder: Path) -> dict[str, Any]:
    """Write the secrets of the imitation at a URL, and return the section `stripe`."""
    (folder / "stripe_key").write_text("sk_test_fake")
    (folder / "webhook_secret").write_text("whsec_fake")
    return {
        "secret_key": {"file": "stripe_key"},
        "webhook_secrets": [{"file": "webhook_secret"}],
        "api_url": url,
    }


@contextmanager
def running_stripe(url: str, deployment: Deployment) -> Iterator[None]:
    """Run the imitation for as long as the block lasts, with the prices of the plans in it."""
    program = (sys.executable, "-m", "fake_stripe", "--port", str(urlsplit(url).port))
    webhook = ("--webhook", f"{deployment.issuer}/billing/stripe")
    with running_service((*program, *webhook), url=url, log=deployment.folder / "stripe.log"):
        run(*GATEPOST, "billing", "sync", "--yes", "--config", deployment.folder / "gatepost.yaml")
        yield


def let_days_pass(url: str, days: float) -> None:
    """Advance the test clock."""
    seconds = {"seconds": days * 86_400}
    httpx2.post(f"{url}/_fake/advance", json=seconds, trust_env=False).raise_for_status()
