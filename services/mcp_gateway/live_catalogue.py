"""Reload the catalogue when its files change, and keep the old one if the new one is invalid."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from gatepost.settings import SettingsError
from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.lock import LockError
from mcp_gateway.directories.approved import (
    Approval,
    Drift,
    approval_files,
    describe_drift,
    find_drift,
    keep_approved,
    read_approvals,
)
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.several.load_apis import load_apis

PAUSE = 2.0
"""Seconds between two checks of the files."""

log = structlog.get_logger()
_Stamp = tuple[int, int, int] | None
Switch = Callable[[Catalogue], None]
Pause = Callable[[float], Awaitable[None]]


class LiveCatalogue:
    """The catalogue of all APIs, reloaded on SIGHUP and whenever one of their files changes.

    If a directory approved the tools, a start leaves out what differs from the approved ones, and a running
    gateway keeps its catalogue, until the operator acknowledges the changes.
    """

    def __init__(
        self, apis: Sequence[Api], *, resource: str, name: str = "", pause: Pause = asyncio.sleep
    ) -> None:
        """Load the catalogue of the gateway with this resource for the first time.

        Args:
            apis: the APIs behind the gateway.
            resource: the gateway's resource.
            name: the product's name; by default that of the first manifest.
            pause: lets seconds pass.

        Raises:
            ManifestError: the catalogue can't be served; the message lists every problem.
        """
        self._apis = apis
        self._name = name
        self._resource = resource
        self._pause = pause
        self._loading = asyncio.Lock()
        self._seen: dict[Path, _Stamp] = {}
        self._is_stale = False
        self._drift: tuple[Drift, ...] = ()
        catalogue, approvals = self._load()
        if self._drift:
            log.error("tools_withheld", problems=describe_drift(self._drift))
            catalogue = keep_approved(catalogue, approvals)
        self.catalogue, self.document = catalogue, self._describe(catalogue)
        """The served catalogue, and the document of it that the authorization server reads."""

    @property
    def is_kept(self) -> bool:
        """Whether newer files can't be served, so that an older catalogue is."""
        return self._is_stale

    def describe(self) -> str:
        """Describe whether the served catalogue matches the files."""
        if self._drift:
            differ = "tool differs" if self.withheld == 1 else "tools differ"
            return f"withheld: {self.withheld} {differ} from what a directory approved"
        return "kept: the files can't be served" if self._is_stale else "current"

    @property
    def withheld(self) -> int:
        """The number of tools that differ from what a directory approved, so that changes wait."""
        return len({one.tool for one in self._drift})

    @asynccontextmanager
    async def following(self, switch: Switch) -> AsyncIterator[None]:
        """Follow the files in the background, and call `switch` with each new catalogue.

        `switch` may refuse a catalogue with `SettingsError`; the old one then stays.
        """
        loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

        def start(work: Awaitable[None]) -> None:
            task = asyncio.ensure_future(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        # Only the main thread receives signals, and Windows does not have this one.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGHUP, lambda: start(self.reload(switch)))
        start(self._follow(switch))
        try:
            yield
        finally:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(signal.SIGHUP)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def reload(self, switch: Switch) -> None:
        """Load the files; if they can't be served, log why and keep the old catalogue."""
        async with self._loading:
            try:
                # A large document takes seconds, so calls continue meanwhile.
                catalogue, _ = await asyncio.to_thread(self._load)
                if self._drift:
                    raise ManifestError(describe_drift(self._drift))
                document = await asyncio.to_thread(self._describe, catalogue)
                served = self.catalogue
                is_new = (catalogue.hash, catalogue.apis) != (served.hash, served.apis)
                if is_new:
                    catalogue = catalogue.after(served)
                    switch(catalogue)
            except (ManifestError, SettingsError) as problem:
                self._is_stale = True
                log.error("catalogue_kept", problems=str(problem))
                return
            except Exception:  # a fault in loading must not stop calls
                self._is_stale = True
                log.exception("catalogue_kept")
                return
            self._is_stale = False
            if is_new:
                self.catalogue, self.document = catalogue, document
                log.info("catalogue_switched", tools=len(catalogue.tools), hash=catalogue.hash)

    async def _follow(self, switch: Switch) -> None:
        before = self._seen
        while True:
            await self._pause(PAUSE)
            now = {file: _stamp(file) for file in self._seen}
            # Reload only after two equal checks, so that files are not read while being written.
            if now != self._seen and now == before:
                await self.reload(switch)
            before = now

    def _load(self) -> tuple[Catalogue, Sequence[Approval]]:
        """Read the files, and note how the tools differ from the approved ones."""
        seen: dict[Path, _Stamp] = {}
        folder = self._apis[0].manifest.parent

        def note(files: Iterable[Path]) -> None:
            seen.update((file, _stamp(file)) for file in files)

        try:
            note(approval_files(folder))
            catalogue = load_apis(self._apis, name=self._name, note=note)
            approvals = read_approvals(folder)
            self._drift = tuple(find_drift(catalogue, approvals))
            return catalogue, approvals
        except LockError as error:
            raise ManifestError(str(error)) from None
        finally:
            self._seen = seen

    def _describe(self, catalogue: Catalogue) -> bytes:
        return catalogue.document(self._resource).model_dump_json().encode()


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
