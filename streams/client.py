"""Clients of kafka-python for the tools round the worker: made one way, and failing with a message for a person."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    AuthorizationError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    SaslAuthenticationFailedError,
)

from schemas.kafka_spec import KafkaSpec
from streams.errors import UserError
from streams.logs import told_by_us
from streams.security import bootstrap_servers, kafka_python_settings

T = TypeVar("T")

BOOTSTRAP_MS = 10_000  # a broker that is there answers within a second or two
ANSWER_MS = 10_000  # milliseconds that one broker may take; one that hangs keeps others from being asked
BROKER_AWAY = 30.0  # seconds; within them a cluster notices that it has lost a broker


@contextmanager
def reaching(kafka: KafkaSpec) -> Iterator[None]:
    """Word what a broker or the way to it does wrong.

    Raises
    ------
    UserError
        In place of an error of kafka-python.
    """
    where = kafka.bootstrap
    try:
        yield
    except SaslAuthenticationFailedError as error:
        raise UserError(f"the broker at {where} refused our name or password ({error}): see kafka.security") from None
    except AuthorizationError as error:
        raise UserError(f"the broker at {where} does not allow this ({error}): grant the rights, then repeat") from None
    except InvalidTopicError as error:
        raise UserError(f"kafka.topics: not a topic name ({error}): use letters, digits, '.', '_' and '-'") from None
    except (KafkaTimeoutError, KafkaConnectionError) as error:
        raise UserError(
            f"no broker answers at {where} ({_brief(error)}): is it running, and is kafka.bootstrap right?"
        ) from None
    except KafkaError as error:
        raise UserError(f"the broker at {where} answered with an error: {_brief(error)}") from None


@contextmanager
def producer(kafka: KafkaSpec, base: Path) -> Iterator[KafkaProducer]:
    """Yield a producer that loses, repeats and reorders nothing, and places keys as Java's default (murmur2) does."""
    client = KafkaProducer(
        **_settings(kafka, base),
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=20,
        batch_size=131_072,
        allow_auto_create_topics=False,
    )
    try:
        yield client
    except BaseException:
        client.close(timeout=0)  # what has not been sent is not waited for
        raise
    client.close(timeout=30)


@contextmanager
def consumer(kafka: KafkaSpec, base: Path) -> Iterator[KafkaConsumer]:
    """Yield a consumer of no group: it commits nothing, and positions are ours to set."""
    client = KafkaConsumer(
        **_settings(kafka, base),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
    )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def group_consumer(kafka: KafkaSpec, base: Path, group: str, **settings: Any) -> Iterator[KafkaConsumer]:
    """Yield a consumer of a group, which begins with the oldest record there is; commits are ours to make."""
    client = KafkaConsumer(
        **_settings(kafka, base),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        **settings,
    )
    try:
        yield client
    finally:
        client.close()


def partitions(kafka: KafkaSpec, base: Path, topics: Sequence[str]) -> dict[str, int | None]:
    """Return how many partitions each topic has; None where there is no such topic."""
    described = administer(kafka, base, lambda client: client.describe_topics(list(topics)))
    found = {topic["name"]: len(topic["partitions"]) or None for topic in described}
    return {name: found.get(name) for name in topics}


def administer(kafka: KafkaSpec, base: Path, question: Callable[[KafkaAdminClient], T]) -> T:
    """Put a question to the cluster and return the answer; while one broker is away, put it again to another.

    The client asks one broker of all that the cluster lists, and gives up when that one does not answer: a cluster
    lists a broker that has died, or hangs, until its session ends. `question` must bear being asked twice.
    """
    end = monotonic() + BROKER_AWAY
    unasked = len(bootstrap_servers(kafka))
    while True:
        reached = False
        try:
            with told_by_us("kafka"), closing(_admin(kafka, base)) as client:
                reached = True
                return question(client)
        except (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError):
            unasked -= not reached  # one server that hangs takes all the time there is to reach any of them
            if monotonic() > end or unasked <= 0:
                raise
        sleep(0.2)


def _admin(kafka: KafkaSpec, base: Path) -> KafkaAdminClient:
    return KafkaAdminClient(**_settings(kafka, base), request_timeout_ms=ANSWER_MS)


def _settings(kafka: KafkaSpec, base: Path) -> dict[str, Any]:
    return {"client_id": "streamgauge", **kafka_python_settings(kafka, base), "bootstrap_timeout_ms": BOOTSTRAP_MS}


def _brief(error: KafkaError) -> str:
    text = str(error).partition("\n")[0]
    return text if len(text) <= 200 else f"{text[:200]}..."
