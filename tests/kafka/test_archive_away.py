"""A worker whose archive goes away while events come, and comes back or does not."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.archive import Archive
from streams.build_reference import build_reference
from streams.files import load_spec
from streams.replay import replay

from .broker import Kafka, Process, until
from .test_worker import Run, showing, write_monitor, write_tables

Start = Callable[..., Process]
IMPATIENT = "from streams import cli, source_level; source_level.PAUSES = (0.3,) * 10; cli.main()"
"""A command line whose back-off takes three seconds; `tests/streams/test_source_level.py` has the whole minute."""


@pytest.fixture
def run(kafka: Kafka, start: Start, unique: str, tmp_path: Path) -> Run:
    write_tables(tmp_path)
    build_reference(load_spec(write_monitor(tmp_path, kafka.bootstrap, "profile")), tmp_path)
    return Run(kafka, start, write_monitor(tmp_path, kafka.bootstrap, unique, 3))


def impatient(run: Run) -> Process:
    """Start a worker that gives an archive up in three seconds."""
    options = ["--data-dir", str(run.path.parent / f"data-{run.path.stem}-a"), "--http-port", "0"]
    return run.start([sys.executable, "-c", IMPATIENT, "worker", str(run.path), *options], f"{run.path.stem}-impatient")


def test_a_worker_waits_for_its_archive_and_then_ends_in_order_with_nothing_lost(run: Run) -> None:
    base = run.path.parent
    archive = base / f"{run.path.stem}-archive"
    sending = run.send_slowly(300)
    process = impatient(run)
    until(lambda: any(archive.rglob("*.parquet")), "something in the archive", 60)

    archive.rename(base / "elsewhere")
    archive.write_text("no directory")
    until(lambda: "Trying again for about a minute" in process.log.read_text(), "the worker to say that it waits", 30)
    archive.unlink()
    (base / "elsewhere").rename(archive)
    with showing(process):
        until(lambda: "the archive can be written again" in process.log.read_text(), "it to say that it goes on", 60)

    archive.rename(base / "elsewhere")
    archive.write_text("no directory")
    assert process.ended(120) == 1
    said = process.log.read_text()
    *_, last = [line for line in said.splitlines() if line]
    assert last.startswith(f"archive.url: {archive}: "), last
    assert "tried for about a minute. Mend that and start the worker again: nothing is lost" in last
    assert "Traceback" not in said
    assert "Event loop is closed" not in said

    archive.unlink()
    (base / "elsewhere").rename(archive)
    process = run.worker()
    with showing(process):
        assert sending.ended() == 0, sending.tail()
        until(run.done, "the run to end", 120, pause=0.5)
        assert process.stop() == 0
    place = run.spec.archive
    assert place is not None
    replayed = place.model_copy(update={"url": "replayed"})
    replay(run.spec.model_copy(update={"archive": replayed}), base, base / "out")
    found, wanted = (
        Archive(one, base)
        .rows("credit", run.spec.models["credit"], 0, 2**60)
        .drop_columns(["partition", "prediction_offset"])
        for one in (place, replayed)
    )
    assert found == wanted
