"""Reading the archive: one order, one answer to one question, and clear words where there is none."""

import random
import uuid
from collections.abc import Iterator
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.archive_spec import ArchiveSpec
from schemas.event_time import Micros
from schemas.spec import ModelSpec, MonitorSpec
from streams import archive_files
from streams.archive import Archive
from streams.archive_files import ArchiveFiles
from streams.archive_names import PaneFile, directory, encoded
from streams.archive_schema import archive_schema
from streams.errors import Stopped, Unreachable, UserError
from streams.records import ROLES

from .archive_oracle import in_micros
from .level_one import END, LAYOUTS, SPEC
from .test_archive_panes import archived, open_source, run
from .world import (
    DAY,
    HOUR,
    MODEL,
    T0,
    busy_logs,
    feedback,
    layouts_of,
    log_of,
    prediction,
    read_on,
    spec_of,
    steps,
    watermark,
)

HOURS = 60
LATER = T0 + 1_000 * HOUR


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of both models, in three partitions' files would be no other: one is enough to read."""
    path = tmp_path_factory.mktemp("busy")
    source = run(archived(SPEC, path / "archive"), path / "store", busy_logs(5, hours=HOURS, per_hour=20), 1, 200)
    assert source.unarchived() == 0
    source.close()
    return path


def archive_at(path: Path | str, base: Path = Path()) -> Archive:
    return Archive(ArchiveSpec(url=str(path)), base)


def rows_of(archive: Archive, start: Micros = T0 - DAY, end: Micros = LATER, **more: Any) -> list[dict[str, Any]]:
    return in_micros(archive.rows("m", SPEC.models["m"], start, end, **more))


def test_rows_come_in_the_total_order_with_the_columns_of_the_model(busy: Path) -> None:
    table = archive_at(busy / "archive").rows("m", SPEC.models["m"], T0 - DAY, LATER)
    assert table.schema == archive_schema(SPEC.models["m"])
    rows = in_micros(table)
    keys = [(one["time"], one["prediction_id"], one["version"], one["prediction_offset"] is None) for one in rows]
    assert keys == sorted(set(keys))
    assert len(keys) > 500
    assert {one["version"] for one in rows} == {"1", "2", "shadow"}


def test_a_window_is_that_part_of_the_whole(busy: Path) -> None:
    archive, generator = archive_at(busy / "archive"), random.Random(1)
    whole = rows_of(archive)
    for _ in range(10):
        start = T0 + generator.randrange(HOURS * HOUR)
        end = start + generator.randrange(1, 20 * HOUR)
        assert rows_of(archive, start, end) == [one for one in whole if start <= one["time"] < end]
    edge = whole[len(whole) // 2]["time"]
    assert rows_of(archive, edge, edge + 1)[0]["time"] == edge, "the start is inside, the end is not"
    assert rows_of(archive, edge - 1, edge) == [one for one in whole if one["time"] == edge - 1]
    assert rows_of(archive, LATER, LATER + DAY) == []
    assert rows_of(archive, -(2**62), 2**62) == whole


def test_batches_are_small_and_amount_to_the_rows(busy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_files, "ROWS", 2)
    monkeypatch.setattr("streams.archive_writer.ROWS", 2)
    source = run(archived(SPEC, tmp_path / "fine"), tmp_path / "store", busy_logs(5, hours=HOURS, per_hour=20), 1, 200)
    source.close()
    batches = list(archive_at(tmp_path / "fine").batches("m", SPEC.models["m"], T0 - DAY, LATER))
    assert len(batches) > 100
    assert max(map(len, batches)) < 20
    assert in_micros(pa.concat_tables(batches)) == rows_of(archive_at(busy / "archive"))


def test_late_labels_are_on_their_rows_and_answers_depend_on_the_moment_that_is_asked_for(busy: Path) -> None:
    archive = archive_at(busy / "archive")
    whole = rows_of(archive)
    late = [one for one in whole if one["label_time"] is not None and one["label_time"] >= one["time"] + 4 * HOUR]
    assert len(late) > 20, "later than a pane and the maturity"
    until = T0 + 30 * HOUR
    then = rows_of(archive, labels_until=until)
    key = itemgetter("time", "prediction_id", "version", "prediction_offset")
    there = set(map(key, then))
    assert all(one["prediction_offset"] is None for one in whole if key(one) not in there), "they came too late"
    now = [one for one in whole if key(one) in there]
    assert len(then) == len(now)
    assert all(one["label_time"] is None or one["label_time"] <= until for one in then)
    for one, other in zip(then, now, strict=True):
        if other["label_time"] is not None and other["label_time"] < until:
            assert one == other
        elif one["label_time"] is None:
            assert [one[name] for name in ("label", "value", "rating", "loss", "label_corrects")] == [None] * 5
            assert one["weight"] == 1.0
    known = rows_of(archive, labelled=True)
    assert known == [one for one in whole if one["label"] is not None]
    assert 0 < len(known) < len(whole)


@pytest.mark.parametrize("seed", range(2))
def test_the_same_question_has_the_same_answer_also_when_it_is_asked_at_once(tmp_path: Path, seed: int) -> None:
    """Cohorts that are over, as of the moment to which event time has come: what comes later changes nothing."""
    spec, generator = archived(SPEC, tmp_path / "archive"), random.Random(seed)
    logs, model, archive = busy_logs(seed, hours=30, per_hour=20), SPEC.models["m"], archive_at(tmp_path / "archive")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    asked = []
    for role, size in steps(generator, logs, 80):
        read_on(source, logs, role, size)
        source.checkpoint()
        source.sent()
        mark = source._clock.complete(model, spec)
        if mark is not None and (end := (mark - model.maturity) // model.pane * model.pane) > T0 + 4 * HOUR:
            asked.append((end, mark, rows_of(archive, T0, end, labels_until=mark)))
    source.close()
    assert len(asked) > 10
    assert all(found == rows_of(archive, T0, end, labels_until=mark) for end, mark, found in asked)


def test_versions_are_chosen_by_name(busy: Path) -> None:
    archive = archive_at(busy / "archive")
    found = rows_of(archive, versions=["shadow"])
    assert found == [one for one in rows_of(archive) if one["version"] == "shadow"]
    assert found
    assert rows_of(archive, versions=["never seen"]) == []


def test_days_are_told(busy: Path) -> None:
    assert archive_at(busy / "archive").days("m") == [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]


def test_a_relative_url_is_beside_the_monitor_file(busy: Path) -> None:
    assert rows_of(archive_at("archive", busy)) == rows_of(archive_at(busy / "archive"))


@pytest.fixture
def memory() -> Iterator[str]:
    """A place that is no directory here."""
    url = f"memory://{uuid.uuid4().hex}/archive"
    yield url
    fsspec.filesystem("memory").store.clear()


def test_an_archive_elsewhere_is_the_same(busy: Path, tmp_path: Path, memory: str) -> None:
    source = run(archived(SPEC, memory), tmp_path, busy_logs(5, hours=HOURS, per_hour=20), 3, 300)
    source.close()
    assert rows_of(archive_at(memory)) == rows_of(archive_at(busy / "archive"))
    assert archive_at(memory).days("m") == archive_at(busy / "archive").days("m")


# What corrects, and what joins what


def told(path: Path, spec: MonitorSpec, said: list[dict[str, Any]], **prediction_: Any) -> dict[str, Any]:
    (name,) = spec.models
    source = open_source(archived(spec, path / "archive"), layouts_of(spec), path / "store")
    source.process("predictions", log_of([prediction("a", T0, name, **prediction_), watermark(END)]))
    source.process("feedback", log_of([*said, watermark(END)]))
    source.checkpoint()
    source.close()
    (one,) = in_micros(archive_at(path / "archive").rows(name, spec.models[name], T0, T0 + 1))
    return one


def test_a_correction_is_what_is_true_and_the_loss_is_by_it(tmp_path: Path) -> None:
    said = [feedback("a", T0 + 1, label="1"), feedback("a", T0 + HOUR, label="0", source="annotator")]
    one = told(tmp_path, spec_of(m=MODEL), said, output={"label": "1", "score": 0.9})
    assert (one["label"], one["label_time"], one["label_corrects"], one["loss"]) == ("0", T0 + HOUR, True, 1.0)


def test_a_rating_and_a_label_from_two_people_are_on_one_row(tmp_path: Path) -> None:
    said = [feedback("a", T0 + 5, rating=0.25, source="user"), feedback("a", T0 + 5 * HOUR, label="0")]
    one = told(tmp_path, spec_of(m=MODEL), said, output={"label": "1", "score": 0.9})
    assert (one["label"], one["rating"], one["label_time"], one["loss"]) == ("0", 0.25, T0 + 5 * HOUR, 1.0)
    assert one["label_by_user"] is False


def test_numbers_and_texts_are_judged_as_their_task_has_it(tmp_path: Path) -> None:
    regression = {**MODEL, "task": "regression", "positive_label": None}
    said = [feedback("a", T0 + 1, value=9.0), feedback("a", T0 + 2, correction="7")]
    one = told(tmp_path / "r", spec_of(r=regression), said, output={"value": 10.0})
    assert [one[name] for name in ("output_value", "output_label", "value", "loss")] == [10.0, None, 7.0, 3.0]
    text = {**regression, "task": "text"}
    said = [feedback("a", T0 + 1, rating=0.75, source="user")]
    one = told(tmp_path / "t", spec_of(t=text), said, output={"text": "an answer"})
    assert [one[name] for name in ("output_text", "rating", "loss", "label")] == ["an answer", 0.75, 0.25, None]


# Older monitor files


def test_features_that_came_went_or_changed_their_type_are_null_where_there_is_none(tmp_path: Path) -> None:
    first = spec_of(m={**MODEL, "features": {"x": "numeric", "c": "categorical", "gone": "numeric"}})
    now = spec_of(m={**MODEL, "features": {"x": "categorical", "c": "numeric", "new": "boolean"}, "segments": []})
    source = open_source(archived(first, tmp_path / "archive"), layouts_of(first), tmp_path / "store")
    event = prediction("a", T0)
    event["features"] = {"x": 2.0, "c": "a", "gone": 1.0}
    source.process("predictions", log_of([event, watermark(END)]))
    source.process("feedback", log_of([watermark(END)]))
    source.checkpoint()
    (one,) = in_micros(archive_at(tmp_path / "archive").rows("m", now.models["m"], T0, T0 + 1))
    assert {name: one[f"feature.{name}"] for name in ("x", "c", "new")} == {"x": "2", "c": None, "new": None}
    assert "feature.gone" not in one


def test_values_that_are_not_of_the_declared_type_are_null(tmp_path: Path) -> None:
    features = {"x": "numeric", "c": "categorical", "b": "boolean", "t": "text", "d": "datetime"}
    spec = spec_of(m={**MODEL, "features": features, "scores": {"toxicity": {}}})
    events = []
    for id, values in (("odd", ["x", 1.5, 1, 7, 7]), ("good", [1, "a", True, "t", "2026-01-01"]), ("none", [None] * 5)):
        event = prediction(id, T0, scores={"toxicity": 0.5}, latency_ms=None)
        event["features"] = dict(zip(features, values, strict=True))
        events.append(event)
    source = open_source(archived(spec, tmp_path / "archive"), layouts_of(spec_of(m=MODEL)), tmp_path / "store")
    source.process("predictions", log_of([*events, watermark(END)]))
    source.process("feedback", log_of([watermark(END)]))
    source.checkpoint()
    found = in_micros(archive_at(tmp_path / "archive").rows("m", spec.models["m"], T0, T0 + 1))
    rows = {one["prediction_id"]: [one[f"feature.{name}"] for name in features] for one in found}
    assert rows == {
        "odd": [None, "1.5", None, None, None],
        "good": [1.0, "a", True, "t", "2026-01-01"],
        "none": [None] * 5,
    }
    assert [(one["score.toxicity"], one["latency_ms"]) for one in found] == [(0.5, None)] * 3


# Other readers


def test_other_readers_get_along_with_directories_and_columns(busy: Path) -> None:
    table = pq.read_table(busy / "archive" / "rows" / "model_name=m")
    assert {"model", "version", "day", "model_version"} <= set(table.schema.names)
    assert table.schema.field("version").type == pa.string()
    assert len(table) == len(rows_of(archive_at(busy / "archive")))


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "ü" * 128, "100%", "a=b", "x" * 128])
def test_any_name_is_a_directory(tmp_path: Path, name: str) -> None:
    spec = spec_of(**{name: MODEL})
    source = open_source(archived(spec, tmp_path / "archive"), layouts_of(spec), tmp_path / "store")
    source.process("predictions", log_of([prediction("a", T0, name, version=name, task="binary"), watermark(END)]))
    source.process("feedback", log_of([watermark(END)]))
    source.checkpoint()
    (one,) = in_micros(archive_at(tmp_path / "archive").rows(name, spec.models[name], T0, T0 + 1, versions=[name]))
    assert (one["model"], one["version"]) == (name, name)


def test_long_names_that_begin_alike_are_told_apart() -> None:
    assert encoded("ü" * 127 + "a") != encoded("ü" * 127 + "b")
    assert max(map(len, (encoded("ü" * 128), encoded("x" * 128)))) < 200


def test_a_file_says_its_pane_in_its_name() -> None:
    for pane in (
        PaneFile(T0, T0 + HOUR, 3, 8),
        PaneFile(T0 + 500_000, T0 + 2_000_000, 0, 1, T0 + DAY),
        PaneFile(-1_000_000 * HOUR, 0, 12, 100),
    ):
        assert PaneFile.of(pane.name) == pane
    assert PaneFile.of("part-0.parquet") is None
    assert directory("labels", "m", "1", T0) == "labels/model_name=m/model_version=1/day=2026-01-01"


# What a person can mend


def test_no_archive_is_said_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no archive is there\. Rows come into it when their cohort is over"):
        rows_of(archive_at(tmp_path / "nowhere"))


def test_a_model_that_was_never_archived_is_said_with_those_that_were(busy: Path) -> None:
    with pytest.raises(UserError, match=r"nothing of model 'x' was archived; there is m, r\."):
        archive_at(busy / "archive").rows("x", SPEC.models["m"], T0, LATER)


def test_an_unknown_scheme_is_said() -> None:
    with pytest.raises(UserError, match=r"archive\.url: nosuch://bucket: Protocol not known: nosuch"):
        archive_at("nosuch://bucket")


def a_file(tmp_path: Path) -> Path:
    source = run(archived(SPEC, tmp_path / "archive"), tmp_path / "store", busy_logs(1, hours=3))
    source.close()
    return sorted((tmp_path / "archive" / "rows" / "model_name=m").rglob("*.parquet"))[0]


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None], ids=["empty", "garbage", "cut off"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = a_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(UserError, match=rf"{path.name}: damaged, or no Parquet file .* delete it: its rows are lost"):
        rows_of(archive_at(tmp_path / "archive"))


def test_a_file_that_goes_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    archive = archive_at(tmp_path / "archive")
    panes = archive._panes("rows", "m", None, SPEC.models["m"], T0, LATER)
    archive._panes = lambda *_: panes  # type: ignore[method-assign, assignment]
    path.unlink()
    with pytest.raises(UserError, match=r"was deleted while it was read: the archive keeps no more than"):
        rows_of(archive)


def test_two_writers_in_one_place_are_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    path.with_name(path.name.replace("p0of1", "p2of3")).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match=r"archived from topics of 1 and of 3 partitions: two monitors, or a worker"):
        rows_of(archive_at(tmp_path / "archive"))


def test_a_file_that_is_being_written_is_not_seen(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    whole = rows_of(archive_at(tmp_path / "archive"))
    path.with_name(f".{path.name}.17").write_bytes(b"half")
    assert rows_of(archive_at(tmp_path / "archive")) == whole
    assert len(pq.read_table(tmp_path / "archive" / "rows" / "model_name=m")) == len(whole)


def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(UserError, match=r"archive\.url: .*file/archive: cannot be written"):
        open_source(archived(SPEC, tmp_path / "file" / "archive"), LAYOUTS, tmp_path / "store")


def test_a_store_across_the_network_has_its_moments(
    tmp_path: Path, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_files, "PAUSES", (0.0, 0.0))
    kind = type(fsspec.filesystem("memory"))
    put, failures = kind.put_file, iter([True, True, False])

    def sometimes(self: Any, *arguments: Any, **more: Any) -> Any:
        if next(failures, False):
            raise OSError("try again")
        return put(self, *arguments, **more)

    monkeypatch.setattr(kind, "put_file", sometimes)
    run(archived(SPEC, memory), tmp_path / "store", busy_logs(1, hours=1)).close()
    assert rows_of(archive_at(memory))
    failures = iter([True] * 3)
    with pytest.raises(Stopped, match=r"cannot be written: try again\. Mend that and start again"):
        run(archived(SPEC, memory), tmp_path / "other store", busy_logs(1, hours=1))


def test_a_worker_at_work_leaves_trying_again_to_who_calls(
    tmp_path: Path, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(self: Any, *arguments: Any, **more: Any) -> Any:
        tries.append(arguments)
        raise ConnectionDropped("no route")

    tries: list[Any] = []
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "put_file", put)
    spec = archived(SPEC, memory)
    assert spec.archive is not None
    files = ArchiveFiles(spec.archive, tmp_path, pauses=())
    with pytest.raises(Unreachable, match=r"memory://.*: rows/x cannot be written: no route\. Mend that"):
        files.write("rows/x", pa.schema([("prediction_id", pa.string())]), [])
    assert len(tries) == 1


@pytest.mark.parametrize(("call", "says"), [("makedirs", "written"), ("ls", "listed"), ("open", "read")])
def test_what_a_store_says_in_its_own_words_is_told_without_a_trace(
    call: str, says: str, tmp_path: Path, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dropped(self: Any, *arguments: Any, **more: Any) -> Any:
        raise ConnectionDropped("no route")

    run(archived(SPEC, memory), tmp_path / "store", busy_logs(1, hours=1)).close()
    monkeypatch.setattr(type(fsspec.filesystem("memory")), call, dropped)
    asked = archive_at(memory) if says != "written" else None
    with pytest.raises(UserError, match=rf": cannot be {says}: no route$"):
        _ = open_source(archived(SPEC, memory), LAYOUTS, tmp_path / "other") if asked is None else rows_of(asked)


class ConnectionDropped(Exception):
    """An error of a store's library, which is no OSError."""


def settings_of(spec: MonitorSpec) -> ModelSpec:
    return spec.models["m"]


def test_every_partition_has_its_own_files(tmp_path: Path) -> None:
    spec = archived(spec_of(m=MODEL), tmp_path / "archive")
    for partition in range(3):
        source = open_source(spec, LAYOUTS, tmp_path / str(partition), None, partition, 3)
        events = [prediction(f"p{partition}-{n}", T0 + n) for n in range(partition + 1)]
        for role, log in zip(ROLES, ([*events, watermark(END)], [watermark(END)]), strict=True):
            source.process(role, log_of(log))
        source.checkpoint()
    rows = in_micros(archive_at(tmp_path / "archive").rows("m", settings_of(spec), T0, T0 + HOUR))
    assert [(one["prediction_id"], one["partition"]) for one in rows] == [
        *(("p0-0", 0), ("p1-0", 1), ("p2-0", 2)),
        *(("p1-1", 1), ("p2-1", 2)),
        ("p2-2", 2),
    ]
