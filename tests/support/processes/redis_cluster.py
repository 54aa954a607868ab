"""A Redis cluster and a Redis that Sentinels watch: Debian's server, loopback, gone at the end."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import RedisCluster
from redis.exceptions import RedisError

from support.processes.redis import ADMINISTRATORS, Access, RedisServer
from support.processes.services import POLL_SECONDS, free_port

_SLOTS = 16384
_DOWN_AFTER = 1500
"""Milliseconds of silence after which the others declare a server dead."""


@dataclass
class Cluster:
    """Three masters, and one replica of the first."""

    masters: list[RedisServer]
    replica: RedisServer
    access: Access

    @property
    def url(self) -> str:
        """Where two of them answer; a client finds the others."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.masters[1:])
        return self.access.url("rediss+cluster", hosts)

    @property
    def servers(self) -> list[RedisServer]:
        """All of its servers."""
        return [*self.masters, self.replica]

    def connect(self) -> RedisCluster:
        """Open a plain client of an administrator."""
        port = self.masters[-1].port
        return RedisCluster("127.0.0.1", port, **self.access.administrator)

    def master(self) -> RedisServer:
        """Return the master that has a replica: the first one, unless the replica has taken over."""
        client: Any
        with self.replica.connect() as client:
            taken_over = client.execute_command("ROLE")[0] == b"master"
        return self.replica if taken_over else self.masters[0]


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Run a cluster with TLS and users for as long as the block lasts."""
    access = Access(folder)
    with ExitStack() as stack:
        servers = []
        for number in range(4):
            own = folder / f"node-{number}"
            own.mkdir()
            options = {
                "cluster-enabled": "yes",
                "cluster-node-timeout": str(_DOWN_AFTER),
                "cluster-require-full-coverage": "no",
                # The bus's own port would be above the range of ports.
                "cluster-port": str(free_port()),
                "tls-cluster": "yes",
                "repl-diskless-sync-delay": "0",
                # A replica is not shown before it has received something.
                "repl-ping-replica-period": "1",
            }
            server = RedisServer(free_port(), own / "redis.log", options=options, access=access)
            server.start()
            stack.callback(server.stop)
            servers.append(server)
        cluster = Cluster(servers[:3], servers[3], access)
        _join(cluster)
        yield cluster


def _join(cluster: Cluster) -> None:
    clients: list[Any] = [server.connect() for server in cluster.servers]
    for number, client in enumerate(clients[:3]):
        ends = (_SLOTS * number // 3, _SLOTS * (number + 1) // 3 - 1)
        client.execute_command("CLUSTER ADDSLOTSRANGE", *ends)
    for number, client in enumerate(clients):
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        # Each meets each, which is sooner than waiting for gossip.
        for other in cluster.servers[:number]:
            bus = other.options["cluster-port"]
            client.execute_command("CLUSTER MEET", "127.0.0.1", other.port, bus)
    name = clients[0].execute_command("CLUSTER MYID").decode()
    while True:
        try:
            clients[3].execute_command("CLUSTER REPLICATE", name)
        except RedisError:
            time.sleep(POLL_SECONDS)
        else:
            break
    for client in clients:
        while not _has_joined(client):
            time.sleep(POLL_SECONDS)
    for client in clients:
        client.close()


def _has_joined(client: Any) -> bool:
    """Return whether a server knows all masters, and the replica with its data."""
    state = client.execute_command("CLUSTER INFO")
    slots = client.execute_command("CLUSTER SLOTS")
    replicas = [one for found in slots for one in found[3:]]
    link = client.info("replication")
    return (
        str(state["cluster_state"]) == "ok"
        and len(slots) == 3
        and len(replicas) == 1
        and link.get("master_link_status", "up") == "up"
    )


@dataclass
class Watched:
    """A master, its replica, and three Sentinels that replace the master when it dies."""

    servers: list[RedisServer]
    access: Access
    sentinels: list[RedisServer] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the Sentinels tell who the master is."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        url = self.access.url("rediss+sentinel", hosts, "/books/0")
        return f"{url}&sentinel_password={ADMINISTRATORS}"

    def master(self) -> RedisServer:
        """Return the server that the first Sentinel calls the master."""
        client: Any
        with self.sentinels[0].connect() as client:
            _, port = client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", "books")
        [found] = [one for one in self.servers if one.port == int(port)]
        return found


@contextmanager
def running_sentinels(folder: Path) -> Iterator[Watched]:
    """Run a watched master with TLS and users for as long as the block lasts."""
    access = Access(folder)
    with ExitStack() as stack:
        watched = Watched([], access)
        for number in range(2):
            own = folder / f"server-{number}"
            own.mkdir()
            options = {"repl-diskless-sync-delay": "0"}
            if number:
                options["replicaof"] = f"127.0.0.1 {watched.servers[0].port}"
            server = RedisServer(free_port(), own / "redis.log", options=options, access=access)
            server.start()
            stack.callback(server.stop)
            watched.servers.append(server)
        for number in range(3):
            own = folder / f"sentinel-{number}"
            own.mkdir()
            config = own / "sentinel.conf"
            config.write_text(
                f"sentinel monitor books 127.0.0.1 {watched.servers[0].port} 2\n"
                f"sentinel auth-pass books {ADMINISTRATORS}\n"
                f"sentinel sentinel-pass {ADMINISTRATORS}\n"
                f"sentinel down-after-milliseconds books {_DOWN_AFTER}\n"
                "sentinel failover-timeout books 2000\n"
            )
            log = own / "sentinel.log"
            sentinel = RedisServer(free_port(), log, sentinel=config, access=access)
            sentinel.start()
            stack.callback(sentinel.stop)
            watched.sentinels.append(sentinel)
        for sentinel in watched.sentinels:
            with sentinel.connect() as client:
                while not _sees_all(client):
                    time.sleep(POLL_SECONDS)
        yield watched


def _sees_all(client: Any) -> bool:
    [master] = client.sentinel_masters().values()
    replicas = client.sentinel_slaves("books")
    return (
        master["num-other-sentinels"] == 2
        and len(replicas) == 1
        and replicas[0]["master-link-status"] == "ok"
    )
