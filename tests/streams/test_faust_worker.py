"""The last checkpoint of a worker, with lanes that do as they are told; `tests/kafka` has whole workers."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.kafka_spec import KafkaSpec
from streams import faust_worker
from streams.errors import Stopped
from streams.faust_worker import HOPE_SECONDS, SAVE_SECONDS, FaustWorker, new_app
from streams.health import HealthServer


class LaneInMemory:
    """A lane whose last checkpoint gets through, fails, or waits for ever."""

    def __init__(self, name: str, drains: str = "saves", ready: bool = True, loading: bool = False) -> None:
        self.level = SimpleNamespace(name=name, topics=(f"topic-{name}",))
        self.ready, self.loading = ready, loading
        self._drains = drains

    @property
    def unsaved(self) -> bool:
        return self.ready and not self.loading

    async def drain(self, consumer: Any) -> None:
        if self._drains == "hangs":
            await asyncio.Event().wait()
        if self._drains == "is cancelled":
            raise asyncio.CancelledError
        if self._drains == "fails":
            raise OSError("no space left")
        self.ready = False


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds for which somebody was ready to wait; who waits has no more than a moment of them."""
    asked: list[float] = []
    wait = asyncio.wait

    async def briefly(tasks: Any, *, timeout: float) -> Any:
        asked.append(timeout)
        return await wait(tasks, timeout=0.01)

    monkeypatch.setattr(faust_worker.asyncio, "wait", briefly)
    return asked


def saved(tmp_path: Path, *lanes: LaneInMemory, away: bool = False) -> str:
    """Return what is not saved."""

    async def save() -> str:
        app = new_app(KafkaSpec(bootstrap="127.0.0.1:1", group="g"), tmp_path, tmp_path, None)
        watch: Any = SimpleNamespace(away=away)
        worker = FaustWorker(app, lanes, HealthServer([], "127.0.0.1", 0), watch)  # type: ignore[arg-type]
        await worker.save()
        await worker.save()  # what stops it may do so twice
        return worker.unsaved()

    return asyncio.run(save())


def test_a_checkpoint_that_gets_through_leaves_nothing_unsaved(tmp_path: Path) -> None:
    assert saved(tmp_path, LaneInMemory("1"), LaneInMemory("2")) == ""


@pytest.mark.parametrize(
    ("away", "seconds"), [(True, [HOPE_SECONDS]), (False, [HOPE_SECONDS, SAVE_SECONDS - HOPE_SECONDS])]
)
def test_a_checkpoint_that_does_not_get_through_is_given_up_sooner_while_no_broker_answers(
    tmp_path: Path, waits: list[float], away: bool, seconds: list[float]
) -> None:
    assert saved(tmp_path, LaneInMemory("1"), LaneInMemory("2", "hangs"), away=away) == "2"
    assert waits == seconds


def test_a_checkpoint_that_fails_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert saved(tmp_path, LaneInMemory("1", "fails")) == "1"
    assert "the last checkpoint failed: OSError: no space left" in caplog.text


def test_a_lane_that_is_being_loaded_or_has_no_partitions_yet_is_not_waited_for(
    tmp_path: Path, waits: list[float]
) -> None:
    assert saved(tmp_path, LaneInMemory("1", "hangs", ready=False), LaneInMemory("2", "hangs", loading=True)) == ""
    assert waits == []


def test_a_checkpoint_whose_connection_was_closed_is_not_saved_and_stops_nobody(tmp_path: Path) -> None:
    assert saved(tmp_path, LaneInMemory("1", "is cancelled"), LaneInMemory("2")) == "1"


def ended(tmp_path: Path, *errors: Exception) -> tuple[Exception | None, int]:
    """Return why a worker ends whose lanes fail one after the other, and how often it was told to."""

    async def fail() -> tuple[Exception | None, int]:
        app = new_app(KafkaSpec(bootstrap="127.0.0.1:1", group="g"), tmp_path, tmp_path, None)
        watch: Any = SimpleNamespace(away=False)
        worker = FaustWorker(app, [], HealthServer([], "127.0.0.1", 0), watch)
        told: list[None] = []
        worker._process = SimpleNamespace(end=lambda: told.append(None))  # type: ignore[assignment]
        for error in errors:
            with worker._ending():
                raise error
        return worker.reason, len(told)

    return asyncio.run(fail())


def test_the_first_error_of_a_lane_ends_the_worker_once_and_without_a_trace_if_it_is_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Stopped("archive.url: cannot be written")
    assert ended(tmp_path, first, OSError("what broke then")) == (first, 1)
    assert caplog.text == ""


def test_an_error_that_nobody_foresaw_leaves_its_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = ZeroDivisionError("a mistake of ours")
    assert ended(tmp_path, first) == (first, 1)
    assert "ZeroDivisionError: a mistake of ours" in caplog.text
