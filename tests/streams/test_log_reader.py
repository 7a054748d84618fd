"""What reading a log does while brokers come and go, with a log in memory; `tests/kafka` has the real one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, TopicAuthorizationFailedError
from faust.types import TP

from streams import log_reader, metrics
from streams.log_reader import log_bounds, read_ranges

A, B = TP("t", 0), TP("t", 1)


class Log:
    """Two partitions of ten records; `errors` are raised one after the other, each by the call that it names."""

    def __init__(self, *errors: tuple[str, KafkaError]) -> None:
        self.errors = list(errors)
        self.clients = 0
        self._at: dict[TopicPartition, int] = {}

    @asynccontextmanager
    async def client(self, settings: Mapping[str, Any]) -> AsyncIterator["Log"]:
        self.clients += 1
        self._at = {}
        self._fail("start")
        yield self

    def assign(self, parts: Sequence[TopicPartition]) -> None: ...

    def seek(self, part: TopicPartition, offset: int) -> None:
        self._at[part] = offset

    async def position(self, part: TopicPartition) -> int:
        return self._at[part]

    async def beginning_offsets(self, parts: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        self._fail("bounds")
        return dict.fromkeys(parts, 2)

    async def end_offsets(self, parts: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(parts, 12)

    async def getmany(self, *parts: TopicPartition, timeout_ms: int, max_records: int) -> dict[TopicPartition, Any]:
        fetched = {}
        for part in parts:
            offsets = range(self._at[part], min(self._at[part] + max_records, 12))
            fetched[part] = [SimpleNamespace(offset=n, timestamp=0, key=b"", value=b"", headers=()) for n in offsets]
            self._at[part] += len(offsets)
        if self._at[parts[0]] > 5:
            self._fail("fetch")
        return fetched

    def _fail(self, where: str) -> None:
        if self.errors and self.errors[0][0] == where:
            raise self.errors.pop(0)[1]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Log]:
    def serve(*errors: tuple[str, KafkaError]) -> Log:
        made = Log(*errors)
        monkeypatch.setattr(log_reader, "_client", made.client)
        monkeypatch.setattr(log_reader, "RETRY_AFTER", 0.0)
        return made

    return serve


def read(ranges: Mapping[TP, log_reader.Range], most: int = 3) -> dict[TP, list[int]]:
    async def all_of_it() -> dict[TP, list[int]]:
        found: dict[TP, list[int]] = {tp: [] for tp in ranges}
        async for tp, records in read_ranges({}, ranges, most):
            found[tp] += [record.offset for record in records]
        return found

    return asyncio.run(all_of_it())


def test_reading_goes_on_where_it_was_when_a_broker_goes_and_comes_back(
    served: Callable[..., Log], caplog: pytest.LogCaptureFixture
) -> None:
    log = served(
        ("start", KafkaConnectionError("gone")), ("bounds", KafkaTimeoutError()), ("fetch", KafkaTimeoutError())
    )
    before = metrics.UNANSWERED._value.get()
    with caplog.at_level(logging.WARNING):
        assert read({A: (None, None), B: (4, 9)}) == {A: list(range(2, 12)), B: list(range(4, 9))}
    assert (log.errors, log.clients) == ([], 4)
    assert metrics.UNANSWERED._value.get() - before == 3
    assert "the brokers did not answer while partitions were being loaded (KafkaConnectionError: " in caplog.text


def test_bounds_are_asked_for_until_there_is_an_answer(served: Callable[..., Log]) -> None:
    served(*[("bounds", KafkaTimeoutError())] * 3)
    assert asyncio.run(log_bounds({}, [A, B])) == {A: (2, 12), B: (2, 12)}


def test_what_asking_again_would_not_mend_is_an_error(served: Callable[..., Log]) -> None:
    served(("bounds", TopicAuthorizationFailedError()))
    with pytest.raises(TopicAuthorizationFailedError):
        read({A: (None, None)})


def test_waiting_for_a_broker_ends_when_it_is_cancelled(served: Callable[..., Log]) -> None:
    log = served(*[("start", KafkaConnectionError())] * 1_000_000)

    async def told_to_stop() -> None:
        waiting = asyncio.ensure_future(log_bounds({}, [A]))
        while log.clients < 3:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(told_to_stop())


def test_nothing_to_read_asks_nobody(served: Callable[..., Log]) -> None:
    log = served()
    assert read({}) == {}
    assert asyncio.run(log_bounds({}, [])) == {}
    assert log.clients == 0
