import asyncio
from functools import partial
from pathlib import Path

from faust.types import TP

from schemas.kafka_spec import KafkaSpec, Security
from streams.compacted import newest_by_key, read_partitions
from streams.framing import frames
from streams.log_reader import Range, read_ranges
from streams.records import Outgoing
from streams.security import aiokafka_settings

from .broker import Broker, Kafka


def settings(bootstrap: str, **security: str) -> dict[str, object]:
    return aiokafka_settings(KafkaSpec(bootstrap=bootstrap, security=Security(**security)), Path())  # type: ignore[arg-type]


def fill(kafka: Kafka, topic: str, count: int) -> None:
    with kafka.producer() as producer:
        for number in range(count):
            producer.send(topic, b"%d" % number, key=b"%d" % (number % 3), partition=number % 2)


def test_ranges_are_read_exactly(kafka: Kafka, unique: str) -> None:
    fill(kafka, kafka.create(unique, 2), 100)
    ranges: dict[TP, Range] = {TP(unique, 0): (None, 7), TP(unique, 1): (10, None)}

    async def read() -> dict[int, list[int]]:
        found: dict[int, list[int]] = {0: [], 1: []}
        async for tp, records in read_ranges(settings(kafka.bootstrap), ranges, max_records=5):
            assert len(records) <= 5
            found[tp.partition] += [record.offset for record in records]
        return found

    assert asyncio.run(read()) == {0: list(range(7)), 1: list(range(10, 50))}


def test_ranges_without_records_end_at_once(kafka: Kafka, unique: str) -> None:
    fill(kafka, kafka.create(unique, 2), 10)
    ranges: dict[TP, Range] = {TP(unique, 0): (5, 5), TP(unique, 1): (3, 2)}

    async def read() -> list[object]:
        return [one async for one in read_ranges(settings(kafka.bootstrap), ranges)]

    assert asyncio.run(read()) == []
    assert asyncio.run(read_partitions(settings(kafka.bootstrap), unique, [])) == {}


def test_the_newest_value_of_each_key_comes_back_whole(kafka: Kafka, unique: str) -> None:
    kafka.create(unique, 1, cleanup_policy="compact")
    big = b"snapshot " * 300_000
    with kafka.producer(compression_type="lz4") as producer:
        send = partial(producer.send, unique, partition=0)
        send(b"old", key=b"model")
        for one in frames(Outgoing("snapshots", b"model", big), "a"):
            send(one.value, key=one.key, headers=list(one.headers))
        send(b"gone", key=b"other")
        send(None, key=b"other")
    found = asyncio.run(read_partitions(settings(kafka.bootstrap), unique, [0]))
    newest = newest_by_key(found[0])
    assert {key: record.value for key, record in newest.items()} == {b"model": big}


def test_a_password_is_shown_to_a_broker_that_asks(own_broker: Broker, kafka: Kafka, unique: str) -> None:
    """kafka-python and aiokafka are both told the same way; Faust hands the same on to aiokafka."""
    fill(kafka, kafka.create(unique, 2), 4)
    known = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", "username": "monitor", "password": "secret"}
    found = asyncio.run(read_partitions(settings(own_broker.sasl_bootstrap, **known), unique, [0, 1]))
    assert [record.value for record in found[0]] == [b"0", b"2"]
