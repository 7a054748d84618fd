"""The last checkpoint of a worker, with lanes that do as they are told; `tests/kafka` has whole workers."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.kafka_spec import KafkaSpec
from streams import faust_worker
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
