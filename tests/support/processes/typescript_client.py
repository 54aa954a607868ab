"""Clients of the official TypeScript SDKs, which the scripts of `tests/node` run."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from support.processes.conformance import NODE, NODE_FOLDER


class TypeScriptClient:
    """A client in a Node process, which tells each step that it takes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take the process."""
        self._process = process

    async def hear(self, step: str) -> dict[str, Any]:
        """Read the next step, which must be this one."""
        assert self._process.stdout is not None and self._process.stderr is not None
        line = await self._process.stdout.readline()
        if not line:
            pytest.fail(f"no {step!r}:\n{(await self._process.stderr.read()).decode()}")
        said: dict[str, Any] = json.loads(line)
        assert step in said, said
        return said

    async def tell(self, line: str) -> None:
        """Write a line to the client."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def a_typescript_client(
    *arguments: str, script: str = "journey.mjs"
) -> AsyncIterator[TypeScriptClient]:
    """Start the client of a script; at the end of the block it must have ended well."""
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), script, *arguments),
        cwd=NODE_FOLDER,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=2**20,
    )
    try:
        yield TypeScriptClient(process)
        assert process.stderr is not None
        said = await process.stderr.read()
        assert (await process.wait(), said.decode()) == (0, "")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
