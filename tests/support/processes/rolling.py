"""Processes of a service behind a load balancer, which are replaced one after another."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from support.processes.deployment import serve
from support.processes.fork_server import Process
from support.processes.former_release import with_code
from support.processes.services import POLL_SECONDS, running_service


@dataclass
class Part:
    """One process of a service, and its replacement."""

    service: str
    port: int
    config: Path
    works: str
    """The event in its log that says that it did its work."""
    stack: ExitStack
    logs: list[Path] = field(default_factory=list)
    code: str | None = None
    """The former release's, or None for this one's."""
    process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        log = self.config.with_name(f"{self.service}-{self.port}-{len(self.logs)}.log")
        self.logs.append(log)
        argv, env = with_code(serve(self.service, self.config), self.code)
        argv += ["--port", str(self.port)]
        url = f"http://127.0.0.1:{self.port}"
        service = running_service(argv, url=url, log=log, ready_path="/readyz", env=env)
        self.process = self.stack.enter_context(service).process

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    async def until_it_works(self) -> None:
        """Wait until the load balancer sends it requests."""
        event = f'"{self.works}"'
        for _ in range(600):
            if event in self.logs[-1].read_text():
                return
            await asyncio.sleep(POLL_SECONDS)
        raise AssertionError(self.logs[-1].read_text()[-2000:])

    async def replace(self) -> None:
        """Let it end in order, start another one, and wait until that one works."""
        await self.until_it_works()
        assert await asyncio.to_thread(self.stop) == 0
        await asyncio.to_thread(self.start)
        await self.until_it_works()
