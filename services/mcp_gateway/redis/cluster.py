"""The connections to the masters of a Redis or Valkey cluster, as one."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any

import structlog
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from gatepost.network.redis import CONNECT_SECONDS, open_redis
from mcp_gateway.redis.connection import DEADLINE, PAUSES
from mcp_gateway.redis.link import Answer
from mcp_gateway.redis.resp import Argument, ErrorReply, RedisUnavailable, write_command
from mcp_gateway.redis.server import ServerConnection

_ASKING = write_command(("ASKING",))
_NAME = "the cluster"

log = structlog.get_logger()


class ClusterConnection:
    """Sends each command to the master that has its keys.

    redis-py reads the map of the cluster. It is read again when a connection is lost, a server says
    that keys have moved, or a part of the cluster is down. A command that a server refused because its
    keys have moved did not run, so it is sent once more, to the server that has them now.
    """

    def __init__(
        self,
        url: str,
        *,
        deadline: float = DEADLINE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the URL of some of the cluster's servers; `connected` finds the others."""
        self._client = open_redis(url, timeout=None)
        self._nodes = self._client.nodes_manager
        self._deadline = deadline
        self._sleep = sleep
        self._masters: dict[str, ServerConnection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots: list[ServerConnection | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._former_losses = 0
        self._outdated = asyncio.Event()
        self._moved: list[tuple[str, Answer, bytes]] = []
        """Commands for servers that are not known yet, with the addresses."""

    @property
    def is_up(self) -> bool:
        """Tell whether there is a connection to every master, and a master for every key."""
        return None not in self._slots and all(one.is_up for one in self._masters.values())

    @property
    def losses(self) -> int:
        """Tell how often a connection to a master was lost."""
        return self._former_losses + sum(one.losses for one in self._masters.values())

    def ask(self, *command: Argument) -> Answer:
        """Send a command to the master that has its first key."""
        key = command[3 if str(command[0]).startswith("EVAL") else 1]
        return self.ask_written(write_command(command), str(key))

    def ask_written(self, command: bytes, key: str) -> Answer:
        """Send a written command to the master that has a key."""
        master = self._slots[_slot(key)]
        if master is None:
            raise RedisUnavailable("no server of the cluster has the key")
        return master.send(command)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Stay connected while the block lasts; entering it waits for one attempt."""
        tried = asyncio.Event()
        task = asyncio.create_task(self._follow_map(tried))
        try:
            await tried.wait()
            yield
        finally:
            task.cancel()
            tasks = {task, *self._tasks.values()}
            self._keep(set())
            await asyncio.wait(tasks)
            await self._nodes.aclose()
            await self._nodes.aclose("startup_nodes")

    async def _follow_map(self, tried: asyncio.Event) -> None:
        failures = 0
        while True:
            self._outdated.clear()
            try:
                await self._read_map()
                if not self.is_up:
                    failures += 1
                elif failures:
                    log.info("redis_available", server=_NAME)
                    failures = 0
            except Exception as error:  # noqa: BLE001 - the cluster may come back after any error
                if failures == 0:
                    reason = f"{type(error).__name__}: {error}"[:300]
                    log.warning("redis_unavailable", server=_NAME, reason=reason)
                failures += 1
            tried.set()
            self._send_moved()
            pause = PAUSES[min(max(failures - 1, 0), len(PAUSES) - 1)]
            await self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - not a secret
            if not failures:
                await self._outdated.wait()

    async def _read_map(self) -> None:
        self._client.remember_given()
        await self._nodes.initialize()
        masters = {node.name: node for node in self._nodes.get_nodes_by_server_type("primary")}
        self._keep(set(masters))
        opened = []
        for name, node in masters.items():
            if name not in self._masters:
                tried = asyncio.Event()
                self._masters[name] = self._open(name, node)
                self._tasks[name] = asyncio.create_task(self._masters[name].stay_connected(tried))
                opened.append(asyncio.create_task(tried.wait()))
        if opened:
            # Later, commands wait for the new map.
            patience = self._deadline if any(self._slots) else 2 * CONNECT_SECONDS
            _, late = await asyncio.wait(opened, timeout=patience)
            for one in late:
                one.cancel()
        slots: list[ServerConnection | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for slot, (node, *_) in self._nodes.slots_cache.items():
            slots[slot] = self._masters.get(node.name)
        self._slots = slots

    def _open(self, name: str, node: Any) -> ServerConnection:
        return ServerConnection(
            partial(node.connection_class, **node.connection_kwargs),
            name=name,
            deadline=self._deadline,
            sleep=self._sleep,
            redirect=self._redirect,
            lost=self._outdated.set,
        )

    def _keep(self, names: set[str]) -> None:
        """Disconnect from the servers that are not masters any more."""
        for name in self._masters.keys() - names:
            self._former_losses += self._masters.pop(name).losses
            self._tasks.pop(name).cancel()

    def _redirect(self, reply: ErrorReply, answer: Answer, command: bytes) -> bool:
        kind, _, rest = str(reply).partition(" ")
        address = rest.rpartition(" ")[2]
        if kind == "ASK":
            return self._pass_on(address, answer, command, asking=True)
        if kind in {"MOVED", "CLUSTERDOWN"}:
            self._outdated.set()
        if kind != "MOVED":
            return False
        if not self._pass_on(address, answer, command):
            # A replica has become the master. The map names it, which is being read.
            self._moved.append((address, answer, command))
            asyncio.get_running_loop().call_later(self._deadline, _give_up, answer)
        return True

    def _pass_on(self, name: str, answer: Answer, command: bytes, *, asking: bool = False) -> bool:
        master = self._masters.get(name)
        if master is None or not master.is_up:
            return False
        try:
            if asking:
                master.send(_ASKING).add_done_callback(_ignore)
            master.send(command, answer)
        except RedisUnavailable:
            return False
        return True

    def _send_moved(self) -> None:
        """Send the commands whose servers are known now; the others wait for the next map."""
        self._moved = [
            (name, answer, command)
            for name, answer, command in self._moved
            if not answer.done() and not self._pass_on(name, answer, command)
        ]
        if self._moved:
            self._outdated.set()


def _give_up(answer: Answer) -> None:
    if not answer.done():
        answer.set_exception(RedisUnavailable("the keys have moved to a server that is not known"))
        answer.exception()  # marks the exception as retrieved, since the waiter may be gone


def _ignore(answer: Answer) -> None:
    if not answer.cancelled():
        answer.exception()


@lru_cache(maxsize=4096)
def _slot(key: str) -> int:
    return key_slot(key.encode())
