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
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.several.load_apis import load_apis

PAUSE = 2.0
"""Seconds between two checks of the files."""

log = structlog.get_logger()
_Stamp = tuple[int, int, int] | None
Switch = Callable[[Catalogue], None]
Pause = Callable[[float], Awaitable[None]]


class LiveCatalogue:
    """The catalogue of all APIs, reloaded on SIGHUP and whenever one of their files changes."""

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
        self.catalogue, self.document = self._load()
        """The served catalogue, and the document of it that the authorization server reads."""

    @property
    def is_kept(self) -> bool:
        """Whether newer files can't be served, so that an older catalogue is."""
        return self._is_stale

    def describe(self) -> str:
        """Describe whether the served catalogue matches the files."""
        return "kept: the files can't be served" if self._is_stale else "current"

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
                catalogue, document = await asyncio.to_thread(self._load)
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

    def _load(self) -> tuple[Catalogue, bytes]:
        seen: dict[Path, _Stamp] = {}

        def note(files: Iterable[Path]) -> None:
            seen.update((file, _stamp(file)) for file in files)

        try:
            catalogue = load_apis(self._apis, name=self._name, note=note)
            return catalogue, catalogue.document(self._resource).model_dump_json().encode()
        finally:
            self._seen = seen


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
