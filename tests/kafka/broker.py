"""One Apache Kafka broker (KRaft, broker and controller in one process) in a temporary directory, for the tests."""

import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError, NodeNotReadyError

T = TypeVar("T")
JARS = Path(__file__).parent / "broker" / "target" / "jars"
START_DEADLINE = 60.0

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_monitor="secret";
log.dirs={logs}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=500
"""


def until(condition: Callable[[], T | None], what: str, deadline: float = 30.0, pause: float = 0.05) -> T:
    """Return the first true value of `condition()`; after `deadline` seconds fail, saying `what` was waited for."""
    end = monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if monotonic() > end:
            raise AssertionError(f"waited {deadline:.0f}s for {what}; it did not come")
        sleep(pause)


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def missing() -> str | None:
    """Return what a broker of our own lacks, or None."""
    if shutil.which("java") is None:
        return "java is not installed"
    if not any(JARS.glob("kafka_2.13-*.jar")):
        return f"no jars in {JARS.relative_to(Path.cwd()) if JARS.is_relative_to(Path.cwd()) else JARS}: make broker"
    return None


class Broker:
    """A broker process. `stop` and `start` again on the same port and logs is a broker restart."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, sasl, controller = free_ports(3)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.sasl_bootstrap = f"127.0.0.1:{sasl}"
        self.output = directory / "broker.log"
        self._config = directory / "server.properties"
        self._config.write_text(
            SERVER_PROPERTIES.format(port=self.port, sasl=sasl, controller=controller, logs=directory / "logs")
        )
        cluster = uuid.uuid4().hex[:22]
        self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._config)).wait(START_DEADLINE)
        self.process: subprocess.Popen[bytes] | None = None

    def _java(self, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]
        with self.output.open("ab") as out:
            return subprocess.Popen(
                [*command, f"{JARS}/*", main, *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start and wait until the broker answers."""
        self.process = self._java("kafka.Kafka", str(self._config))
        until(self._answers, f"Apache Kafka on {self.bootstrap} to answer", START_DEADLINE)

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            tail = "\n".join(self.output.read_text(errors="replace").splitlines()[-20:])
            raise AssertionError(f"the broker ended with {self.process.returncode}:\n{tail}")
        return answers(self.bootstrap)

    def stop(self, *, kill: bool = False) -> None:
        """End the broker process, by its own id."""
        if self.process is None:
            return
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Killed for as long as the block takes, and back on the same port and logs after it."""
        self.stop(kill=True)
        try:
            yield
        finally:
            self.start()


def answers(bootstrap: str) -> bool:
    """Return whether a broker answers with metadata."""
    host, _, port = bootstrap.split(",")[0].rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    except Exception:
        return False
    try:
        admin.list_topics()
    except Exception:
        return False
    finally:
        admin.close()
    return True


@contextmanager
def running_broker(directory: Path) -> Iterator[Broker]:
    """Run a broker of our own in `directory`."""
    broker = Broker(directory)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


class Kafka:
    """What tests do to a broker: make topics, fill them, read them to their end."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap, reconnect_backoff_max_ms=500)

    def close(self) -> None:
        self.admin.close()

    def create(self, name: str, partitions: int = 1, **configs: str) -> str:
        """Create a topic (underscores in config names stand for dots) and wait until it can be used."""
        topic = {
            "num_partitions": partitions,
            "replication_factor": 1,
            "configs": {key.replace("_", "."): value for key, value in configs.items()},
        }

        def created() -> bool:
            try:
                self.admin.create_topics({name: topic})
            except NodeNotReadyError:  # the broker was started anew, and the client has not found it again
                return False
            return True

        until(created, f"topic {name} to be made", pause=0.2)
        until(lambda: self.partitions(name) == partitions, f"topic {name} with {partitions} partitions")
        return name

    def partitions(self, name: str) -> int:
        for topic in self.admin.describe_topics([name]):
            return len(topic.get("partitions", ()))
        return 0

    @contextmanager
    def producer(self, **settings: object) -> Iterator[KafkaProducer]:
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks="all", linger_ms=5, **settings)
        try:
            yield producer
            producer.flush(30)
        finally:
            producer.close(10)

    def read(self, topic: str) -> list[object]:
        """Return every record of a topic, from the beginning to what is the end now, partition by partition."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            parts = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(parts)
            ends = consumer.end_offsets(parts)
            records: list[object] = []

            def complete() -> bool:
                for batch in consumer.poll(timeout_ms=200).values():
                    records.extend(batch)
                return all(consumer.position(part) >= end for part, end in ends.items())

            until(complete, f"topic {topic} to be read to its end", pause=0)
            return sorted(records, key=lambda record: (record.partition, record.offset))  # type: ignore[attr-defined]
        finally:
            consumer.close()

    def ends(self, topic: str) -> dict[TopicPartition, int]:
        """Return where each partition of a topic ends."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False)
        try:
            ends: dict[TopicPartition, int] = consumer.end_offsets(
                [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()]
            )
            return ends
        finally:
            consumer.close()

    def read_by_id(self, topic: str) -> dict[str, bytes]:
        """Return values by their `ce_id` header. Two records of one id with different values are an error."""
        found: dict[str, bytes] = {}
        for record in self.read(topic):
            headers = dict(record.headers)  # type: ignore[attr-defined]
            identifier = headers["ce_id"].decode()
            value = record.value  # type: ignore[attr-defined]
            assert found.setdefault(identifier, value) == value, f"{topic}: two values for {identifier}"
        return found

    def commit(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Commit for a group that nobody is in."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False)
        try:
            consumer.assign([TopicPartition(topic, partition) for partition in offsets])
            consumer.commit(
                {TopicPartition(topic, partition): OffsetAndMetadata(at, "", -1) for partition, at in offsets.items()}
            )
        finally:
            consumer.close()

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Return what a group has committed; nothing where there is no such group yet."""
        try:
            offsets = self.admin.list_group_offsets(group)[group]
        except KafkaError:
            return {}
        return {part: offset.offset for part, offset in offsets.items()}


class Process:
    """A worker subprocess whose output goes to a log file."""

    def __init__(self, command: list[str], log: Path, **environment: str) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, deadline: float = 10.0) -> int:
        """Ask to end (SIGTERM) and return the exit code; a process that does not end in time fails the test."""
        self.process.terminate()
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within {deadline:.0f}s of SIGTERM:\n{self.tail()}") from None

    def ended(self, deadline: float = 30.0) -> int:
        """Wait until it ends by itself; return the exit code."""
        return until(lambda: (self.process.poll(),) if self.process.poll() is not None else None, "the end", deadline)[
            0
        ]  # type: ignore[return-value]

    def get(self, page: str) -> tuple[int, str]:
        """Return status and text of `metrics`, `livez` or `readyz`."""
        where = until(
            lambda: re.findall(r"health and metrics on (http://\S+)", self.log.read_text()), "the HTTP server"
        )
        try:
            with urllib.request.urlopen(f"{where[-1]}/{page}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """Return the sum of a metric's series."""
        found = re.findall(rf"^streamgauge_{name}(?:\{{.*\}})? (\S+)$", self.get("metrics")[1], re.M)
        return sum(map(float, found))

    def standing(self) -> str:
        """Return the lines of `metrics` that say where it stands; why there are none, where it does not answer."""
        try:
            lines = self.get("metrics")[1].splitlines()
        except (AssertionError, OSError) as error:
            return f"no metrics: {error}"
        names = ("position", "lag", "assigned_partitions", "stalls", "broker_away")
        return "\n".join(line for line in lines if line.startswith(tuple(f"streamgauge_{name}" for name in names)))

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
