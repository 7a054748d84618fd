"""The archive holds each accepted row once, with what became known of it, whatever the chunks and the accidents."""

import copy
import random
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.layouts import Layouts
from schemas.archive_spec import ArchiveSpec
from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams.archive_writer import ArchiveWriter
from streams.decode import Refusal, decode
from streams.fit import Fit
from streams.open_archive import open_archive
from streams.partition import SourcePartition
from streams.records import ROLES, Outgoing, Record, Role
from streams.store import Store

from .archive_oracle import assert_archived, found_late, found_rows, in_micros, read_files
from .join_oracle import JoinOracle, tiny
from .level_one import END, LAYOUTS, SPEC
from .test_join import MONITORS, Turn, any_run
from .world import (
    HOUR,
    MINUTE,
    MODEL,
    T0,
    Logs,
    Told,
    busy_logs,
    feedback,
    log_of,
    prediction,
    read_on,
    spec_of,
    steps,
    watermark,
)

EVER: Micros = 2**60


def archived(spec: MonitorSpec, root: Path | str) -> MonitorSpec:
    return spec.model_copy(update={"archive": ArchiveSpec(url=str(root))})


def open_source(
    spec: MonitorSpec, layouts: Layouts, path: Path, progress: bytes | None = None, partition: int = 0, of: int = 1
) -> SourcePartition:
    archive = open_archive(spec, path, partition, of, durable=False)
    return SourcePartition(partition, of, spec, layouts, Store(path, durable=False), progress, archive)


class Compared:
    """A source partition with an archive, and the oracle, fed the same; both forget what was not committed."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts, path: Path) -> None:
        self.root = path / "archive"
        self.spec, self.layouts, self.path = archived(spec, self.root), layouts, path / "store"
        self.oracle, self.fit = JoinOracle(self.spec), Fit(self.spec, layouts)
        self.source = open_source(self.spec, layouts, self.path)
        self.ahead = False
        self.checkpoint()

    def read(self, role: Role, records: Sequence[Record]) -> None:
        self.source.process(role, records)
        for record in records:
            event = decode(role, record, self.spec)
            assert not isinstance(event, Refusal), event
            fits = isinstance(event, Watermark) or self.fit.problem(event) is None
            self.oracle.take(role, event, record.offset, fits)

    def checkpoint(self) -> None:
        self.source.checkpoint()
        self.source.sent()
        self.oracle.checkpoint()
        self.committed = copy.deepcopy(self.oracle)

    def crash(self, between: bool) -> None:
        """Lose what came since the last checkpoint; perhaps after the files were written, before the transaction."""
        self.ahead |= between
        if between:
            self.source.prepare()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(self.source._store, "write", _die)
                with suppress(ZeroDivisionError):  # where nothing had changed, nothing is written
                    self.source.write()
        self.source.close()
        self.source = open_source(self.spec, self.layouts, self.path)
        self.oracle = copy.deepcopy(self.committed)

    def check(self) -> tuple[int, int] | None:
        """Compare, unless files are ahead of what was committed."""
        if self.ahead:
            return None
        complete = {name: self.complete(name) for name in self.spec.models}
        return assert_archived(self.root, self.oracle, complete)

    def complete(self, name: str) -> Micros:
        mark = self.source._clock.complete(self.spec.models[name], self.spec)
        return -EVER if mark is None else mark


def _die(_: object) -> None:
    raise ZeroDivisionError


@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_run(), st.booleans(), st.randoms(use_true_random=False))
def test_it_holds_what_plain_code_says_whatever_the_chunks_the_checkpoints_and_the_crashes(
    drawn: tuple[str, Logs, list[Turn]], small: bool, rng: random.Random
) -> None:
    models, logs, turns = drawn
    with tempfile.TemporaryDirectory() as directory, tiny() if small else nullcontext():
        both = Compared(*MONITORS[models], Path(directory))
        end: list[Turn] = [(role, 100, "checkpoint") for role in ROLES]
        for role, size, then in [*turns, *end]:
            start = both.source.position[role] or 0
            both.read(role, logs[role][start : start + size])
            if then == "crash":
                both.crash(between=rng.random() < 0.5)
            elif then in ("checkpoint", "reopen"):
                both.checkpoint()
                both.check()
                if then == "reopen":
                    both.crash(between=False)
        both.ahead = False
        assert (both.check() or (None,))[0] == len(both.oracle.accepted), "each is there, and once"
        assert both.source.unarchived() == 0
        both.source.close()


def run(spec: MonitorSpec, path: Path, logs: Logs, seed: int | None = None, largest: int = 20) -> SourcePartition:
    """Read both logs to their ends, in one chunk each or in random ones."""
    source = open_source(spec, LAYOUTS, path)
    whole = [(role, len(logs[role])) for role in ROLES]
    for role, size in whole if seed is None else steps(random.Random(seed), logs, largest):
        read_on(source, logs, role, size)
        source.checkpoint()
        source.sent()
    return source


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def in_order(outgoing: list[Outgoing]) -> list[Outgoing]:
    return sorted(outgoing, key=lambda one: one.destination == "progress")


def test_the_same_logs_give_the_same_files_to_the_byte_however_they_are_read(tmp_path: Path) -> None:
    logs = busy_logs(3, hours=30)
    for name, seed in (("whole", None), ("cut", 1), ("cut again", 2)):
        source = run(archived(SPEC, tmp_path / name), tmp_path / f"store {name}", logs, seed)
        assert source.unarchived() == 0
        source.close()
    whole = contents(tmp_path / "whole")
    assert len(whole) > 100
    assert any("/labels" in f"/{name}" for name in whole)
    assert contents(tmp_path / "cut") == whole
    assert contents(tmp_path / "cut again") == whole


@pytest.mark.parametrize("seed", range(6))
def test_a_lost_disk_and_kills_between_any_two_steps_leave_the_same_files(tmp_path: Path, seed: int) -> None:
    """Panes that were archived before a rebuild are not written again by what it reads, which is not all of them."""
    generator, logs = random.Random(seed), busy_logs(seed, hours=60, per_hour=6)
    run(archived(SPEC, tmp_path / "calm"), tmp_path / "calm store", logs, seed).close()
    spec, stores, told = archived(SPEC, tmp_path / "rough"), 0, Told()
    source = open_source(spec, LAYOUTS, tmp_path / "store 0")
    rebuilt = 0
    while any((source.position[role] or 0) < len(logs[role]) for role in ROLES):
        left = [role for role in ROLES if (source.position[role] or 0) < len(logs[role])]
        read_on(source, logs, generator.choice(left), generator.randint(1, 25))
        accident = generator.random()
        if accident > 0.6:
            source.prepare()
            if accident > 0.95:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(source._store, "write", _die)
                    with pytest.raises(ZeroDivisionError):
                        source.write()
            else:
                source.write()
                if accident < 0.9:
                    told.take(in_order(source.outbox()))
                    source.sent()
        if accident < 0.04 or accident > 0.9:
            source.close()
            if generator.random() < 0.5:
                stores += 1
            source = open_source(spec, LAYOUTS, tmp_path / f"store {stores}", told.progress())
            rebuilt += bool(source.rebuild)
            feed_again(source, logs, generator)
    source.checkpoint()
    source.close()
    assert rebuilt > 1
    assert contents(tmp_path / "rough") == contents(tmp_path / "calm")


def feed_again(source: SourcePartition, logs: Logs, generator: random.Random) -> None:
    if not source.rebuild:
        return
    left = {role: [first or 0, end] for role, (first, end) in source.rebuild.items()}
    while left:
        role = generator.choice(list(left))
        first, end = left[role]
        stop = min(first + generator.randint(1, 50), end)
        source.process(role, logs[role][first:stop])
        left[role][0] = stop
        if stop == end:
            del left[role]
    source.rebuilt()


def test_what_a_file_could_not_be_written_for_is_not_over(tmp_path: Path) -> None:
    """The transaction waits for the files: where they cannot be written, the pane is closed again, and sent then."""
    logs = busy_logs(4, hours=10)
    spec = archived(SPEC, tmp_path / "archive")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    for role in ROLES:
        read_on(source, logs, role, 1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ArchiveWriter, "write", lambda *_: _die(None))
        with pytest.raises(ZeroDivisionError):
            source.checkpoint()
    source.close()
    again = open_source(spec, LAYOUTS, tmp_path / "store")
    assert again.position == dict.fromkeys(ROLES)
    again.close()


def test_rows_that_go_in_the_transaction_that_closes_their_pane_are_archived(tmp_path: Path) -> None:
    """A jump of event time closes a cohort and drops its rows, with their blocks, at once."""
    spec = archived(spec_of(m=MODEL), tmp_path / "archive")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    with tiny(2, 4):
        for hour in range(5):
            times = [T0 + hour * HOUR + minute * MINUTE for minute in range(0, 60, 10)]
            start = hour * len(times)
            source.process("predictions", log_of([prediction(f"p{time}", time) for time in times], start))
            source.process("feedback", log_of([feedback(f"p{time}", time + 1) for time in times], start))
            source.checkpoint()
            source.sent()
        for role in ROLES:
            source.process(role, log_of([watermark(END)], start=30))
        source.checkpoint()
    assert len(found_rows(tmp_path / "archive", spec)) == 30
    assert all(one["label"] == "1" for one in in_micros(read_files(tmp_path / "archive", "rows")))


def test_a_label_is_late_for_its_cohort_from_the_moment_the_cohort_is_due(tmp_path: Path) -> None:
    spec = archived(spec_of(m=MODEL), tmp_path / "archive")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    due = T0 + 4 * HOUR  # a pane of an hour, and a maturity of three
    source.process("predictions", log_of([prediction("in time", T0), prediction("late", T0), watermark(END)]))
    said = [feedback("in time", due - 1), feedback("late", due, inclusion_probability=0.25), watermark(END)]
    source.process("feedback", log_of(said))
    source.checkpoint()
    rows = {one["prediction_id"]: one for one in in_micros(read_files(tmp_path / "archive", "rows"))}
    assert (rows["in time"]["label"], rows["in time"]["label_time"]) == ("1", due - 1)
    assert [rows["late"][name] for name in ("label", "label_time", "loss", "weight")] == [None, None, None, 1.0]
    (late,) = in_micros(read_files(tmp_path / "archive", "labels"))
    assert (late["prediction_id"], late["time"], late["label_time"], late["weight"]) == ("late", T0, due, 4.0)


@pytest.mark.parametrize("waits", [False, True], ids=["prediction first", "feedback first"])
def test_a_row_that_was_drawn_for_its_label_has_the_weight_of_those_it_stands_for(tmp_path: Path, waits: bool) -> None:
    spec = archived(spec_of(m=MODEL), tmp_path / "archive")
    rows = [prediction(name, T0) for name in ("drawn", "not drawn")]
    inside = prediction("inside", T0)
    said = [
        feedback("drawn", T0 + 1, inclusion_probability=0.1),
        feedback("not drawn", T0 + 1),
        feedback("inside", T0 + 1, prediction=inside, inclusion_probability=0.5),
    ]
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    for role, events in sorted((("predictions", rows), ("feedback", said)), reverse=not waits):
        source.process(role, log_of(events))  # type: ignore[arg-type]
        source.checkpoint()
        source.sent()
        source.close()  # what waits, waits on disk
        source = open_source(spec, LAYOUTS, tmp_path / "store")
    for role in ROLES:
        source.process(role, log_of([watermark(END)], start=3))
    source.checkpoint()
    found = {one["prediction_id"]: one for one in in_micros(read_files(tmp_path / "archive", "rows"))}
    assert {id: one["weight"] for id, one in found.items()} == {"drawn": 10.0, "not drawn": 1.0, "inside": 2.0}
    assert found["inside"]["prediction_offset"] is None


def test_a_partition_that_is_idle_archives_nothing_before_its_panes_are_over(tmp_path: Path) -> None:
    spec = archived(spec_of(m=MODEL), tmp_path / "archive")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    source.process("predictions", log_of([prediction("a", T0)]))
    source.process("feedback", log_of([feedback("a", T0 + 1)]))
    for role in ROLES:
        source.idle(role)
    assert "summaries" in {one.destination for one in source.checkpoint()}, "provisional ones"
    assert contents(tmp_path / "archive") == {}
    assert source.unarchived() == 1


def test_evicted_rows_are_counted_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spec = archived(spec_of({"max_pending": 20}, m=MODEL), tmp_path / "archive")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    with tiny(2, 4):
        for start in (0, 25):
            times = [T0 + n * MINUTE for n in range(start, start + 25)]
            source.process("predictions", log_of([prediction(f"p{time}", time) for time in times], start))
            source.checkpoint()
            source.sent()
    for role in ROLES:
        source.process(role, log_of([watermark(END)], start=50))
    source.checkpoint()
    found = len(found_rows(tmp_path / "archive", spec))
    missing = source.counts()["predictions"]["unarchived"]
    assert found + missing == 50
    assert 20 < missing < 30
    assert f"{missing} predictions were evicted before their cohort was archived" in caplog.text


def test_without_an_archive_nothing_is_gathered(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    assert source._archive is None
    assert source.unarchived() == 0
    source.close()


def test_late_labels_are_there_after_a_restart_before_their_pane_is_over(tmp_path: Path) -> None:
    spec = archived(spec_of(m=MODEL), tmp_path / "archive")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    late = T0 + 5 * HOUR
    source.process("predictions", log_of([prediction("a", T0), watermark(late)]))
    own = prediction("own", T0)
    source.process("feedback", log_of([feedback("a", late), feedback("own", late, prediction=own)]))
    source.checkpoint()
    assert found_late(tmp_path / "archive") == {}
    source.sent()
    source.close()
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    assert source.unarchived() == 1, "the row that came with feedback, after its cohort"
    for role in ROLES:
        source.process(role, log_of([watermark(END)], start=2))
    source.checkpoint()
    assert {key[0][1] for key in found_late(tmp_path / "archive")} == {"a"}
    assert {key[1] for key in found_rows(tmp_path / "archive", spec)} == {"a", "own"}
    names = [name for name in contents(tmp_path / "archive") if "-late-" in name]
    assert len(names) == 1
    assert names[0].endswith("20260101T000000Z--20260101T010000Z-p0of1-late-20260101T050000Z.parquet")
