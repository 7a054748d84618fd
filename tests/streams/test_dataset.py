import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streams.dataset_hash
from detectors.training_data import holdout_seed
from schemas.event_time import from_micros
from streams.dataset import form_dataset, read_manifest, sha256_of
from streams.dataset_hash import uniforms
from streams.dataset_plan import plan_of
from streams.dataset_rows import select
from streams.errors import UserError

from .archived import HOUR, MONITOR, ROWS, Archive, archived, trigger_for
from .world import T0

END = T0 + ROWS * 60_000_000
M = MONITOR.models["m"]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return archived(M)


def ids(table: pa.Table) -> list[str]:
    return table["prediction_id"].to_pylist()


def sample(method: str = "uniform", max_rows: int = 200, seed: int = 1, **more: Any) -> dict[str, Any]:
    return {"method": method, "max_rows": max_rows, "seed": seed, **more}


def test_all_labelled_rows_of_the_window_are_trained_on_or_held_out(rows: pa.Table, tmp_path: Path):
    manifest = form_dataset(MONITOR, trigger_for(T0, END), Archive(rows), tmp_path / "d")
    train, holdout = (pq.read_table(tmp_path / "d" / f"{name}.parquet") for name in ("train", "holdout"))
    labelled = {id for id, label in zip(ids(rows), rows["label"].to_pylist(), strict=True) if label is not None}
    assert set(ids(train)) | set(ids(holdout)) == labelled
    assert not set(ids(train)) & set(ids(holdout))
    assert 0.15 < len(holdout) / len(labelled) < 0.25
    assert train.schema.equals(rows.schema)
    assert train["time"].to_pylist() == sorted(train["time"].to_pylist())
    assert set(train["weight"].to_pylist()) == {1.0}
    for name, file in manifest["files"].items():
        assert file["sha256"] == sha256_of(tmp_path / "d" / name)
    counts = manifest["window"]["rows"]
    assert counts["read"] == ROWS == counts["labelled"] + counts["unlabelled"]
    assert manifest["files"]["train.parquet"]["reasons"] == {"window": len(train)}
    assert manifest["not_had"] == []
    assert manifest["sample"]["threshold"] is None


def test_a_window_of_two_versions_has_the_rows_of_each_where_the_trigger_says_so(rows: pa.Table, tmp_path: Path):
    middle = T0 + 1_200 * 60_000_000
    older = archived(M, version="2").slice(0, 1_500)  # from the 1,200th row on the newer one repeats its requests
    newer = rows.slice(1_000)
    versions = [
        {"version": "2", "start": from_micros(T0), "end": from_micros(middle)},
        {"version": "3", "start": from_micros(middle), "end": from_micros(END)},
    ]
    exclude = [{"start": from_micros(T0 + 10 * HOUR), "end": from_micros(T0 + 12 * HOUR)}]
    trigger = trigger_for(T0, END, versions=versions, exclude=exclude)
    manifest = form_dataset(MONITOR, trigger, Archive(older, newer, shuffle=1), tmp_path / "d")
    train, holdout = (pq.read_table(tmp_path / "d" / f"{name}.parquet") for name in ("train", "holdout"))
    both = ids(train) + ids(holdout)
    assert len(both) == len(set(both))
    wanted = [
        id
        for number, (id, label) in enumerate(zip(ids(rows), rows["label"].to_pylist(), strict=True))
        if label is not None and not 600 <= number < 720
    ]
    assert sorted(both) == sorted(wanted)
    times = [*train["time"].cast(pa.int64()).to_pylist(), *holdout["time"].cast(pa.int64()).to_pylist()]
    said = [*train["version"].to_pylist(), *holdout["version"].to_pylist()]
    assert all(version == ("2" if time < middle else "3") for time, version in zip(times, said, strict=True))
    assert manifest["window"]["rows"]["read"] == ROWS
    with pytest.raises(UserError, match="0 rows of m 2, 3 there"):
        form_dataset(MONITOR, trigger, Archive(older.slice(0, 0)), tmp_path / "none")


def test_the_same_trigger_gives_the_same_bytes_however_the_archive_is_cut_and_ordered(rows: pa.Table, tmp_path: Path):
    rule = {"where": "x > 2", "at_least": 400}
    trigger = trigger_for(
        T0 + 5 * HOUR,
        END,
        sample=sample("importance"),
        must_have=[rule],
        pinned=["p1", "p1500"],
        slices=[{"segment": "c=a", "reason": "r", "rows": 1, "at_least": 20}],
        wanted_labels=[id for id, label in zip(ids(rows), rows["label"].to_pylist(), strict=True) if label is None],
    )
    for name, archive in {
        "a": Archive(rows),
        "b": Archive(rows, batch=1_000),
        "c": Archive(rows.take(pa.array(np.random.default_rng(1).permutation(ROWS))), batch=13, shuffle=3),
    }.items():
        form_dataset(MONITOR, trigger, archive, tmp_path / name)
    for file in ("train.parquet", "holdout.parquet", "unlabelled.parquet", "manifest.json"):
        contents = {(tmp_path / name / file).read_bytes() for name in "abc"}
        assert len(contents) == 1, file


def test_a_dataset_is_written_again_over_itself_but_not_over_anything_else(rows: pa.Table, tmp_path: Path):
    out = tmp_path / "d"
    form_dataset(MONITOR, trigger_for(T0, END), Archive(rows), out)
    before = (out / "manifest.json").read_bytes()
    form_dataset(MONITOR, trigger_for(T0, END), Archive(rows), out)
    assert (out / "manifest.json").read_bytes() == before
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("")
    with pytest.raises(UserError, match="not empty"):
        form_dataset(MONITOR, trigger_for(T0, END), Archive(rows), other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "mine"]


def test_no_later_training_set_has_a_row_that_an_earlier_one_held_out(rows: pa.Table):
    held_out: set[str] = set()
    for number, (start, end) in enumerate([(0, 800), (400, 1_500), (0, 2_000), (1_200, 2_000)]):
        trigger = trigger_for(T0 + start * 60_000_000, T0 + end * 60_000_000, id=f"t{number}" * 4)
        found = select(plan_of(trigger, M), Archive(rows))
        assert not held_out & set(ids(found.train))
        held_out |= set(ids(found.holdout))
    assert len(held_out) > 200


def test_the_cap_of_the_holdout_keeps_the_smallest_hashes_and_trains_on_none_of_the_others(rows: pa.Table):
    trigger = trigger_for(T0, END, holdout={"share": 0.3, "max_rows": 50, "seed": 5})
    found = select(plan_of(trigger, M), Archive(rows))
    assert len(found.holdout) == 50
    assert found.counts["held_out"] > 400
    train, holdout = (uniforms(ids(part), "holdout", 5) for part in (found.train, found.holdout))
    assert train.min() >= 0.3
    assert holdout.max() < 0.05


@given(st.integers(0, 2**40), st.sampled_from(["uniform", "recency", "importance"]))
@settings(max_examples=25, deadline=None)
def test_train_and_holdout_share_no_row_and_keep_their_caps(seed: int, method: str):
    rows = archived(M, 300, seed % 1_000)
    trigger = trigger_for(
        T0 + HOUR,
        T0 + 5 * HOUR,
        sample=sample(method, 60, seed),
        pinned=["p3", "p70", "p299"],
        must_have=[{"where": "x > 0", "at_least": 10}, {"where": "missing(x)", "at_least": 9}],
    )
    found = select(plan_of(trigger, M), Archive(rows, shuffle=seed))
    assert not set(ids(found.train)) & set(ids(found.holdout))
    assert len(found.train) <= 60
    assert len(set(ids(found.train))) == len(found.train) == sum(found.reasons.values())
    weights = np.array(found.train["weight"].to_pylist())
    assert np.isfinite(weights).all()
    assert (weights > 0).all()


@pytest.mark.parametrize("method", ["uniform", "importance"])
def test_weights_undo_the_sampling(rows: pa.Table, method: str):
    """Weighted sums over samples are, on average over seeds, the sums over all rows: of counts, of x, of a slice."""
    must = [{"where": "x > 1.5", "at_least": 30}]
    slices = [{"segment": "c=b", "reason": "r", "rows": 1, "at_least": 25}]
    whole = select(plan_of(trigger_for(T0, END), M), Archive(rows)).train
    sums = []
    for seed in range(60):
        trigger = trigger_for(T0, END, sample=sample(method, 300, seed), must_have=must, slices=slices)
        found = select(plan_of(trigger, M), Archive(rows, batch=2_000)).train
        sums.append(_sums(found))
    mean, error = np.mean(sums, axis=0), np.std(sums, axis=0, ddof=1) / len(sums) ** 0.5
    assert (np.abs(mean - _sums(whole)) <= 4 * error).all(), (mean, _sums(whole), error)
    assert (error < 0.1 * np.abs(_sums(whole))).all()


def _sums(rows: pa.Table) -> np.ndarray:
    weights = np.array(rows["weight"].to_pylist())
    x = np.array(rows["feature.x"].fill_null(0.0).to_pylist())
    of_slice = np.array([value == "b" for value in rows["feature.c"].to_pylist()])
    return np.array([weights.sum(), (weights * (x > 1.5)).sum(), (weights * of_slice).sum(), (weights * x * x).sum()])


def test_importance_prefers_errors_drifted_slices_and_doubt(rows: pa.Table):
    slices = [{"segment": "c=a", "reason": "r", "rows": 1}]
    trigger = trigger_for(T0, END, sample=sample("importance", 300), slices=slices)
    found, plain = (select(plan_of(each, M), Archive(rows)).train for each in (trigger, trigger_for(T0, END)))

    def shares(table: pa.Table) -> tuple[float, float]:
        wrong = sum(table["loss"].to_pylist()) / len(table)
        return wrong, table["feature.c"].to_pylist().count("a") / len(table)

    assert shares(found)[0] > 1.5 * shares(plain)[0]
    assert shares(found)[1] > shares(plain)[1]


def test_recency_halves_with_each_half_life(rows: pa.Table):
    trigger = trigger_for(T0, END, sample=sample("recency", 200, half_life="5h"))
    train = select(plan_of(trigger, M), Archive(rows)).train
    ages = END - np.array(train["time"].cast(pa.int64()).to_pylist())
    newest, before = (ages < 5 * HOUR).sum(), ((ages >= 5 * HOUR) & (ages < 10 * HOUR)).sum()
    assert 1.4 < newest / before < 2.8
    assert len(set(np.round(train["weight"].to_pylist(), 6))) <= 2  # what is meant is not undone


def test_must_have_rows_come_from_before_the_window_newest_first_where_it_has_too_few(rows: pa.Table):
    start = T0 + 1_500 * 60_000_000
    trigger = trigger_for(start, END, must_have=[{"where": "x > 2 and prediction == '1'", "at_least": 20}])
    found = select(plan_of(trigger, M), Archive(rows))
    before = [row for row in found.train.to_pylist() if row["time"] < from_micros(start)]
    assert found.reasons["must_have"] == len(before) > 5
    assert all(row["feature.x"] > 2 and row["output_label"] == "1" for row in before)
    matching = [row for row in found.train.to_pylist() if (row["feature.x"] or 0) > 2 and row["output_label"] == "1"]
    assert len(matching) == 20
    assert found.shortages == []
    oldest = min(row["time"] for row in before)
    hashes = uniforms(ids(rows), "holdout", holdout_seed("m"))
    passed_over = [
        row["prediction_id"]
        for row, hash in zip(rows.to_pylist(), hashes, strict=True)
        if oldest < row["time"] < from_micros(start)
        and (row["feature.x"] or 0) > 2
        and row["output_label"] == "1"
        and row["label"]
        and hash >= 0.2
        and row["prediction_id"] not in {each["prediction_id"] for each in before}
    ]
    assert passed_over == []


def test_a_must_have_that_cannot_be_had_is_said(rows: pa.Table):
    trigger = trigger_for(T0, END, must_have=[{"where": "x > 100", "at_least": 5}], pinned=["nobody"])
    found = select(plan_of(trigger, M), Archive(rows))
    assert any("'x > 100': 0 labelled rows of at least 5" in each for each in found.shortages)
    assert any("nobody" in each for each in found.shortages)


def test_pinned_rows_are_in_wherever_they_lie_and_never_held_out(rows: pa.Table):
    labelled = [id for id, label in zip(ids(rows), rows["label"].to_pylist(), strict=True) if label is not None]
    start, end = T0 + 900 * 60_000_000, T0 + 1_000 * 60_000_000
    pinned = [labelled[0], labelled[800], labelled[-1]]
    held = {id for id, u in zip(labelled, uniforms(labelled, "holdout", holdout_seed("m")), strict=True) if u < 0.2}
    pinned.append(next(id for id in held if 900 <= int(id[1:]) < 1_000))
    trigger = trigger_for(start, end, pinned=pinned, exclude=[])
    trigger = trigger.model_copy(update={"time": from_micros(END + 20 * HOUR)})
    found = select(plan_of(trigger, M), Archive(rows))
    assert set(pinned) <= set(ids(found.train))
    assert not set(pinned) & set(ids(found.holdout))
    assert found.reasons["pinned"] == 4


def test_nothing_outside_the_window_is_read_where_nothing_is_wanting(rows: pa.Table):
    archive = Archive(rows)
    select(plan_of(trigger_for(T0, END, must_have=[{"where": "x > 0", "at_least": 5}]), M), archive)
    assert archive.asked == [(T0, END, ["3"])]


def test_broken_parts_late_labels_other_versions_and_what_is_outside_are_left_out(rows: pa.Table):
    gap = {"start": from_micros(T0 + 3 * HOUR).isoformat(), "end": from_micros(T0 + 6 * HOUR).isoformat()}
    until = T0 + 20 * HOUR
    trigger = trigger_for(
        T0 + HOUR, T0 + 30 * HOUR, exclude=[gap], labels_until=from_micros(until).isoformat(), labelled_rows=5_000
    )
    shadow = archived(M, version="4", output_label="0")
    found = select(plan_of(trigger, M), Archive(rows, shadow))
    times = found.train["time"].cast(pa.int64()).to_numpy()
    assert times.min() >= T0 + HOUR
    assert times.max() <= until - 5 * HOUR
    assert not ((times >= T0 + 3 * HOUR) & (times < T0 + 6 * HOUR)).any()
    assert set(found.train["version"].to_pylist()) == {"3"}
    assert found.counts["excluded"] == 180
    assert any("the trigger counted 5,000 labelled rows" in each for each in found.shortages)


def test_rows_still_wanting_labels_are_kept_apart(rows: pa.Table, tmp_path: Path):
    missing = [id for id, label in zip(ids(rows), rows["label"].to_pylist(), strict=True) if label is None]
    given = [id for id, label in zip(ids(rows), rows["label"].to_pylist(), strict=True) if label is not None]
    trigger = trigger_for(T0, END, wanted_labels=[*missing[:7], given[0]])
    manifest = form_dataset(MONITOR, trigger, Archive(rows), tmp_path / "d")
    assert sorted(ids(pq.read_table(tmp_path / "d" / "unlabelled.parquet"))) == sorted(missing[:7])
    assert manifest["files"]["unlabelled.parquet"]["rows"] == 7


@pytest.mark.parametrize("model", ["multi", "r", "t"])
@pytest.mark.parametrize("method", ["uniform", "importance"])
def test_every_task_has_its_labels(model: str, method: str):
    spec = MONITOR.models[model]
    rows = archived(spec)
    trigger = trigger_for(T0, END, model, sample=sample(method, 300))
    found = select(plan_of(trigger, spec), Archive(rows))
    assert 250 < len(found.train) <= 300
    column = {"multi": "label", "r": "value", "t": "rating"}[model]
    assert found.train[column].null_count == 0
    assert found.holdout[column].null_count == 0


def test_offsets_that_the_archive_has_not_are_said(rows: pa.Table, tmp_path: Path):
    ranges = {"0": [0, 999], "1": [0, 1_500], "2": [5, 9]}
    trigger = trigger_for(T0, END).model_copy(update={"provenance": {"offsets": {"predictions": ranges}}})
    manifest = form_dataset(MONITOR, trigger, Archive(rows), tmp_path / "d")
    assert manifest["not_had"] == [
        "predictions, partition 1: no archived row from offset 1000 to 1500",
        "predictions, partition 2: offsets 5 to 9 are named, and the archive has no row of it",
    ]
    assert manifest["offsets"]["0"] == {"trigger": [0, 999], "archive": [0, 999], "rows": 1_000}


def test_a_window_without_labels_says_what_there_is(rows: pa.Table, tmp_path: Path):
    trigger = trigger_for(T0 - 50 * HOUR, T0 - 40 * HOUR)
    with pytest.raises(UserError, match=r"the archive has 0 rows of m 3 there.*archive.url"):
        form_dataset(MONITOR, trigger, Archive(rows), tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


def test_a_trigger_of_another_monitor_file_is_refused(rows: pa.Table, tmp_path: Path):
    with pytest.raises(UserError, match="'mm', which the monitor file has not"):
        form_dataset(MONITOR, trigger_for(T0, END, "mm"), Archive(rows), tmp_path / "d")


def test_what_is_no_dataset_is_said(tmp_path: Path):
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(UserError, match="streamgauge dataset"):
        read_manifest(tmp_path)


def test_the_examples_are_true():
    assert doctest.testmod(streams.dataset_hash).failed == 0
    assert doctest.testmod(streams.dataset_hash).attempted
