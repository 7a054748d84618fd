"""The open panes of one source partition: which rows go where, and what a restart brings back."""

import random
from pathlib import Path

import msgspec
import numpy as np

from detectors.row import Label, row_of
from detectors.summary import PaneKey, PaneSummary
from schemas.prediction import Prediction
from streams.join import Accepted, Joined
from streams.messages import summary_message
from streams.open_panes import OpenPanes
from streams.store import Store, StoredRow

from .world import HOUR, MINUTE, T0, layouts_of, prediction, spec_of

SPEC = spec_of()
LAYOUTS = layouts_of(SPEC)


def stored(id: str, time: int, model: str = "m", version: str = "1", offset: int = 0) -> StoredRow:
    event = Prediction.model_validate(prediction(id, time, model, version))
    return StoredRow(model, version, offset, row_of(event, SPEC.models[model]))


def accepted(row: StoredRow, traffic: bool = True, known: int | None = None) -> Accepted:
    return Accepted(row, traffic, row.row.time if known is None else known)


def panes(path: Path) -> tuple[OpenPanes, Store]:
    store = Store(path, durable=False)
    return OpenPanes(SPEC, LAYOUTS, store), store


def packed(summary: PaneSummary) -> bytes:
    return msgspec.msgpack.encode(summary_message(summary, 0, {}))


def rows(summary: PaneSummary) -> int:
    return int(
        LAYOUTS.of(summary.key.model, summary.key.version).families[summary.key.family].view(summary.counts, "n")[0]
    )


def test_a_prediction_goes_into_the_traffic_and_cohort_panes_of_its_time_model_and_version(tmp_path: Path) -> None:
    open_, _ = panes(tmp_path)
    open_.add(
        [accepted(stored("a", T0 + HOUR - 1)), accepted(stored("b", T0 + HOUR)), accepted(stored("c", T0, version="2"))]
    )
    found = {(one.key.version, one.key.family, one.key.start): rows(one) for one in open_}
    assert found == {
        (version, family, start): 1
        for version, start in [("1", T0), ("1", T0 + HOUR), ("2", T0)]
        for family in ("traffic", "cohort")
    }


def test_panes_are_in_the_order_in_which_they_are_due(tmp_path: Path) -> None:
    open_, _ = panes(tmp_path)
    open_.add([accepted(stored(str(n), T0 + n * 37 * MINUTE, random.Random(n).choice("mr"))) for n in range(20)])
    due = [one.key.due(SPEC.models[one.key.model]) for one in open_]
    assert due == sorted(due)
    assert len(due) > 20


def test_a_label_goes_into_the_pane_of_when_it_was_known_and_into_the_cohort_of_its_prediction(tmp_path: Path) -> None:
    open_, _ = panes(tmp_path)
    row = stored("a", T0)
    open_.add([accepted(row), Joined(row, Label(T0 + 2 * HOUR, "1"), 9)])
    found = {(one.key.family, one.key.start): one for one in open_}
    label, cohort = found["label", T0 + 2 * HOUR], found["cohort", T0]
    assert rows(label) == 1
    assert label.offsets == {"feedback": (9, 9)}
    layout = LAYOUTS.of("m", "1").families["cohort"]
    assert layout.view(cohort.counts, "losses").sum() == 1
    assert cohort.sample is not None
    assert [one.loss for one in cohort.sample.rows()] == [float(row.row.label != "1")]


def test_a_label_before_its_prediction_is_known_from_the_prediction_on(tmp_path: Path) -> None:
    open_, _ = panes(tmp_path)
    row = stored("a", T0 + HOUR)
    open_.add([accepted(row), Joined(row, Label(T0 + HOUR - 1, "1"), 9)])
    assert {one.key.start for one in open_ if one.key.family == "label"} == {T0 + HOUR}


def test_what_comes_after_the_judgement_is_not_added_to_the_cohort(tmp_path: Path) -> None:
    open_, _ = panes(tmp_path)
    due = T0 + 4 * HOUR  # a pane of 1 h and a maturity of 3 h
    row = stored("a", T0)
    open_.add([accepted(row, traffic=False, known=due), Joined(row, Label(due, "1"), 0)])
    assert {one.key.family for one in open_} == {"label"}
    open_.add([accepted(stored("b", T0), traffic=False, known=due - 1)])
    assert {one.key.family for one in open_} == {"label", "cohort"}


def test_what_was_saved_is_there_after_a_restart_and_counts_on(tmp_path: Path) -> None:
    rows_ = [stored(str(n), T0 + n * MINUTE, offset=n) for n in range(100)]
    outcomes = [accepted(row) for row in rows_] + [Joined(row, Label(row.row.time + HOUR, "1"), 0) for row in rows_]
    straight, _ = panes(tmp_path / "straight")
    straight.add(outcomes)
    restarted, store = panes(tmp_path / "restarted")
    for start in range(0, len(outcomes), 30):
        restarted.add(outcomes[start : start + 30])
        restarted.save()
        store.commit()
        restarted.add(outcomes[:10])  # never saved: as if it had not been
        store.close()
        restarted, store = panes(tmp_path / "restarted")
    assert [packed(one) for one in restarted] == [packed(one) for one in straight]


def test_a_sample_that_has_overflowed_stays_the_smallest_hashes_after_a_restart(tmp_path: Path) -> None:
    small = spec_of(m={**SPEC.models["m"].model_dump(mode="json"), "sample": 5})
    layouts = layouts_of(small)
    outcomes = [accepted(stored(str(n), T0, offset=n)) for n in range(60)]
    straight = OpenPanes(small, layouts, Store(tmp_path / "a", durable=False))
    straight.add(outcomes)
    store = Store(tmp_path / "b", durable=False)
    half = OpenPanes(small, layouts, store)
    half.add(outcomes[:30])
    half.save()
    restarted = OpenPanes(small, layouts, store)
    restarted.add(outcomes[30:])
    assert [packed(one) for one in restarted] == [packed(one) for one in straight]
    assert len(next(one for one in restarted if one.sample is not None).sample or ()) == 5


def test_a_finished_pane_is_forgotten_here_and_in_the_store(tmp_path: Path) -> None:
    open_, store = panes(tmp_path)
    open_.add([accepted(stored("a", T0))])
    open_.save()
    key = PaneKey("m", "1", "traffic", T0)
    finished = open_.finish(key)
    assert (finished.key, rows(finished)) == (key, 1)
    open_.save()
    store.commit()
    assert {one.key.family for one in OpenPanes(SPEC, LAYOUTS, store)} == {"cohort"}


def test_a_chunk_adds_what_its_rows_add_one_by_one(tmp_path: Path) -> None:
    rows_ = [stored(str(n), T0 + n * MINUTE, random.Random(n).choice("mr")) for n in range(90)]
    outcomes = [one for row in rows_ for one in (accepted(row), Joined(row, Label(row.row.time, "1", 9.5), 0))]
    at_once, one_by_one = panes(tmp_path / "a")[0], panes(tmp_path / "b")[0]
    at_once.add(outcomes)
    for outcome in outcomes:
        one_by_one.add([outcome])
    assert [packed(one) for one in at_once] == [packed(one) for one in one_by_one]
    assert sum(int(np.abs(one.counts).sum()) for one in at_once) > 0
