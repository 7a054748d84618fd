"""The last checkpoint of a worker, with lanes that do as they are told; `tests/kafka` has whole workers."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.kafka_spec import KafkaSpec
from streams import faust_worker
from streams.faust_worker import FaustWorker, new_app
from streams.health import HealthServer


class LaneInMemory:
    """A lane whose last checkpoint gets through, fails, or waits for ever."""

    def __init__(self, name: str, drains: str = "saves", ready: bool = True, loading: bool = False) -> None:
        self.level = SimpleNamespace(name=name, topics=(f"topic-{name}",))
        self.ready, self.loading = ready, loading
        self._drains = drains

    async def drain(self, consumer: Any) -> None:
        if self._drains == "hangs":
            await asyncio.Event().wait()
        if self._drains == "fails":
            raise OSError("no space left")
        self.ready = False


def saved(tmp_path: Path, *lanes: LaneInMemory, away: bool = False) -> tuple[str, float]:
    """Return what is not saved, and how long saving took."""

    async def save() -> tuple[str, float]:
        app = new_app(KafkaSpec(bootstrap="127.0.0.1:1", group="g"), tmp_path, tmp_path, None)
        watch: Any = SimpleNamespace(away=away)
        worker = FaustWorker(app, lanes, HealthServer([], "127.0.0.1", 0), watch)  # type: ignore[arg-type]
        began = asyncio.get_running_loop().time()
        await worker.save()
        await worker.save()  # what stops it may do so twice
        return worker.unsaved(), asyncio.get_running_loop().time() - began

    return asyncio.run(save())


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust_worker, "HOPE_SECONDS", 0.1)
    monkeypatch.setattr(faust_worker, "SAVE_SECONDS", 0.4)


def test_a_checkpoint_that_gets_through_leaves_nothing_unsaved(tmp_path: Path) -> None:
    assert saved(tmp_path, LaneInMemory("1"), LaneInMemory("2"))[0] == ""


@pytest.mark.parametrize(("away", "least", "most"), [(True, 0.1, 0.39), (False, 0.4, 5.0)])
def test_a_checkpoint_that_does_not_get_through_is_given_up_sooner_while_no_broker_answers(
    tmp_path: Path, away: bool, least: float, most: float
) -> None:
    unsaved, seconds = saved(tmp_path, LaneInMemory("1"), LaneInMemory("2", "hangs"), away=away)
    assert unsaved == "2"
    assert least <= seconds < most


def test_a_checkpoint_that_fails_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert saved(tmp_path, LaneInMemory("1", "fails"))[0] == "1"
    assert "the last checkpoint failed: OSError: no space left" in caplog.text


def test_a_lane_that_is_being_loaded_or_has_no_partitions_yet_is_not_waited_for(tmp_path: Path) -> None:
    lanes = LaneInMemory("1", "hangs", ready=False), LaneInMemory("2", "hangs", loading=True)
    assert saved(tmp_path, *lanes) == ("", pytest.approx(0.0, abs=0.09))
