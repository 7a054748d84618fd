"""Clients of kafka-python for the tools round the worker: made one way, and failing with a message for a person."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    AuthorizationError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
)

from schemas.kafka_spec import KafkaSpec
from streams.errors import UserError
from streams.security import kafka_python_settings

BOOTSTRAP_MS = 10_000  # a broker that is there answers within a second or two


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


def partitions(kafka: KafkaSpec, base: Path, topics: Sequence[str]) -> dict[str, int | None]:
    """Return how many partitions each topic has; None where there is no such topic."""
    client = KafkaAdminClient(**_settings(kafka, base))
    try:
        found = {topic["name"]: len(topic["partitions"]) or None for topic in client.describe_topics(list(topics))}
    finally:
        client.close()
    return {name: found.get(name) for name in topics}


def _settings(kafka: KafkaSpec, base: Path) -> dict[str, Any]:
    return {"client_id": "streamgauge", **kafka_python_settings(kafka, base), "bootstrap_timeout_ms": BOOTSTRAP_MS}


def _brief(error: KafkaError) -> str:
    text = str(error).partition("\n")[0]
    return text if len(text) <= 200 else f"{text[:200]}..."
