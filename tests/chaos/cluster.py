"""Three Apache Kafka nodes (KRaft, each broker and controller in one process) on loopback, made to be killed.

Everything that must survive is replicated three times and acknowledged by two, so that any one node may go at any time.
"""

import os
import random
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from kafka import KafkaAdminClient

from ..kafka.broker import JARS, until

NODES = 3
HEAP = "256m"
BROKER_TIMEOUT = 6.0
"""Seconds without a heartbeat after which the controller takes a broker for dead."""
START_DEADLINE = 120.0
SYNC_DEADLINE = 120.0

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
offsets.topic.num.partitions=3
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms={timeout}
replica.lag.time.max.ms=10000
log.cleaner.dedupe.buffer.size=4194304
log.index.size.max.bytes=1048576
num.network.threads=2
num.io.threads=4
"""

LOGGING = """\
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
logger.group.name=org.apache.kafka.coordinator.group
logger.group.level=INFO
"""


class Node:
    """One broker and controller. `start` after `kill` is a broker that comes back with what its disk held."""

    def __init__(self, number: int, directory: Path, port: int) -> None:
        self.number = number
        self.port = port
        self.log = directory / f"broker-{number}.log"
        self.config = directory / f"broker-{number}.properties"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    def java(self, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program of Kafka's."""
        logging = f"-Dlog4j2.configurationFile={self.config.with_name('log4j2.properties')}"
        options = ["-Xms64m", f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", logging]
        with self.log.open("ab") as out:
            return subprocess.Popen(
                ["java", *options, "-cp", f"{JARS}/*", main, *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.config.parent,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start without waiting."""
        if not self.running:
            self.process = self.java("kafka.Kafka", str(self.config))

    def kill(self) -> None:
        """As `kill -9` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def freeze(self) -> None:
        """Send SIGSTOP: it neither answers nor goes away."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Send SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process is not None and self.running:
            os.kill(self.process.pid, number)

    def stop(self) -> None:
        """Ask it to hand over its partitions and end; what does not end in time is killed."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


class Cluster:
    """The three nodes together."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "log4j2.properties").write_text(LOGGING)
        ports = quiet_ports(2 * NODES)
        self.nodes = [Node(number + 1, directory, ports[number]) for number in range(NODES)]
        self.bootstrap = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        voters = ",".join(f"{node.number}@127.0.0.1:{ports[NODES + node.number - 1]}" for node in self.nodes)
        for node in self.nodes:
            logs = directory / f"logs-{node.number}"
            controller = ports[NODES + node.number - 1]
            node.config.write_text(
                PROPERTIES.format(
                    node=node.number,
                    voters=voters,
                    port=node.port,
                    controller=controller,
                    logs=logs,
                    timeout=int(1_000 * BROKER_TIMEOUT),
                )
            )
        cluster = uuid.uuid4().hex[:22]
        formats = [
            node.java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(node.config)) for node in self.nodes
        ]
        for node, process in zip(self.nodes, formats, strict=True):
            assert process.wait(START_DEADLINE) == 0, f"the storage of a broker was not made:\n{node.log.read_text()}"

    def start(self) -> None:
        """Start all nodes and wait until each is in the cluster."""
        for node in self.nodes:
            node.start()
        until(lambda: len(self.brokers()) == NODES, f"{NODES} brokers to form a cluster", START_DEADLINE, pause=0.3)

    def brokers(self) -> list[int]:
        """Return the numbers of the brokers that take part, as the cluster sees it."""
        for node in self.nodes:
            if not node.running:
                raise AssertionError(f"broker {node.number} ended by itself:\n{tail(node.log)}")
        found = self._ask("describe_cluster").get("brokers", ())
        return sorted(broker["broker_id"] for broker in found if not broker.get("is_fenced"))

    def controller(self) -> Node:
        """Return the node that leads the controllers' quorum now."""

        def leader() -> int | None:
            topics = self._ask("describe_metadata_quorum").get("topics", ())
            found = [part["leader_id"] for topic in topics for part in topic["partitions"]]
            return found[0] if found and found[0] > 0 else None

        number = until(leader, "the controllers to have a leader", SYNC_DEADLINE, pause=0.3)
        return next(node for node in self.nodes if node.number == number)

    def in_sync(self) -> bool:
        """Say whether all nodes answer and every partition has all its replicas in sync.

        One that was away for less than its session counts as in sync before it answers again.
        """
        if not all(node.running and accepts(node.port) for node in self.nodes) or len(self.brokers()) < NODES:
            return False
        topics = self._ask("describe_topics")
        return bool(topics) and all(
            len(part["isr_nodes"]) == len(part["replica_nodes"]) for topic in topics for part in topic["partitions"]
        )

    def until_in_sync(self, deadline: float = SYNC_DEADLINE) -> None:
        """Wait until any one node may be lost again."""
        until(self.in_sync, "all replicas of all partitions to be in sync", deadline, pause=0.3)

    def stop(self) -> None:
        """End all nodes; nothing of theirs is wanted any more."""
        for node in self.nodes:
            node.kill()

    def _ask(self, question: str) -> Any:
        alive = [f"127.0.0.1:{node.port}" for node in self.nodes if node.running and accepts(node.port)]
        if not alive:
            return {}
        try:
            admin = KafkaAdminClient(bootstrap_servers=alive, request_timeout_ms=5_000, bootstrap_timeout_ms=5_000)
        except Exception:
            return {}
        try:
            return getattr(admin, question)()
        except Exception:
            return {}
        finally:
            admin.close()


@contextmanager
def running_cluster(directory: Path) -> Iterator[Cluster]:
    """Run a cluster of our own in `directory`."""
    cluster = Cluster(directory)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def accepts(port: int) -> bool:
    """Say whether somebody listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def quiet_ports(count: int) -> list[int]:
    """Return loopback ports that are free and that no outgoing connection is given while their broker is down.

    A port of the ephemeral range would be taken by somebody's connection sooner or later; a client that tries it again
    and again would even connect to itself.
    """
    try:
        ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        ephemeral = 49_152
    generator = random.Random(f"{os.getpid()} {monotonic()}")
    found: list[int] = []
    while len(found) < count:
        port = generator.randrange(min(12_000, ephemeral - 2_000), ephemeral)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def tail(log: Path, lines: int = 30) -> str:
    """Return the end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
