"""The imitation of a customer's identity provider as a process."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from support.processes.managed_client import exchange_id_token
from support.processes.services import running_service

SECRET = "of-an-app-at-the-provider-0123456789"


@dataclass(frozen=True)
class Organisation:
    """A running provider, and an app of its people."""

    issuer: str
    app: str

    async def sign_in(self, http: httpx2.AsyncClient, email: str) -> str:
        """Sign a person in to the app; return the ID token."""
        form = {"client_id": self.app, "client_secret": SECRET, "email": email}
        answer = await http.post(f"{self.issuer}/_fake/sign-in", data=form)
        return str(answer.raise_for_status().json()["id_token"])

    async def assertion(
        self, http: httpx2.AsyncClient, id_token: str, audience: str, resource: str
    ) -> str:
        """Exchange the ID token as the app does."""
        return await exchange_id_token(
            http,
            f"{self.issuer}/token",
            id_token,
            audience=audience,
            resource=resource,
            client_id=self.app,
            client_secret=SECRET,
        )

    async def change(self, http: httpx2.AsyncClient, subject: str, **form: str) -> dict[str, Any]:
        """Change a person's groups, or let them leave."""
        answer = await http.post(f"{self.issuer}/_fake/people/{subject}", data=form)
        changed: dict[str, Any] = answer.raise_for_status().json()
        return changed


@contextmanager
def running_provider(url: str, folder: Path, setup: dict[str, Any]) -> Iterator[None]:
    """Run the imitation for as long as the block lasts."""
    path = folder / "provider.json"
    path.write_text(json.dumps(setup))
    program = (sys.executable, "-m", "fake_provider", "--port", str(urlsplit(url).port))
    argv = (*program, "--setup", str(path))
    with running_service(argv, url=url, log=folder / "provider.log", ready_path="/jwks"):
        yield
