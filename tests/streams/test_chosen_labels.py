"""What annotators say of rows that curation chose does not bend what the monitor says of all rows."""

import csv
import json
import random
from datetime import datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from detectors.chosen_labels import without_chosen
from detectors.layout import FIXED
from detectors.layouts import Layouts
from detectors.summary import PaneKey
from schemas.spec import MonitorSpec
from streams.files import load_spec, save_profile
from streams.partition import SourcePartition
from streams.profiling import build_profiles
from streams.records import ROLES, Role
from streams.replay import replay

from .world import HOUR, MINUTE, MODEL, OTHER, T0, feedback, layouts_of, log_of, open_source, prediction, spec_of

CLASSES = {
    "m": {**MODEL, "label_requests": {"strategies": ["rare"]}},
    "n": {**MODEL, "label_requests": {"strategies": ["random"]}},
}
TEXT = {**OTHER, "task": "text", "segments": [], "reference": "t.json", "label_requests": {"strategies": ["rare"]}}
SPEC = spec_of(**CLASSES, t=TEXT)
LAYOUTS = Layouts(dict(SPEC.models), layouts_of(spec_of(**CLASSES))._profiles)  # t has no reference

SAID: list[tuple[dict[str, Any], bool]] = [
    ({"label": "0"}, False),
    ({"label": "0", "source": "user"}, False),
    ({"label": "0", "source": "annotator"}, True),
    ({"label": "0", "source": "annotator", "inclusion_probability": 0.25}, False),
    ({"label": "0", "inclusion_probability": 0.25}, False),
    ({"correction": "0", "source": "annotator"}, True),
    ({"correction": "0", "source": "user"}, False),
]
"""What feedback says; whether its row was chosen."""


def take(source: SourcePartition, role: Role, events: list[dict[str, Any]]) -> None:
    source.process(role, log_of(events, start=source.position[role] or 0))


def counted(source: SourcePartition, model: str = "m", family: str = "cohort") -> tuple[int, int]:
    """Labelled rows of one pane: all, and those that were chosen."""
    source._panes.count()
    keys = [key for key in source._panes.keys if (key.model, key.family) == (model, family)]
    (pane,) = source._panes.summaries(keys)
    layout = LAYOUTS.of(pane.key.model, "1").families[pane.key.family]
    chosen = 0 if pane.chosen is None else int(layout.view(pane.chosen, "losses").sum())
    return int(layout.view(pane.counts, "losses").sum()), chosen


@pytest.mark.parametrize("first", ROLES)
@pytest.mark.parametrize("inside", [False, True], ids=["joined", "self-contained"])
def test_answers_to_what_was_asked_for_by_choice_are_counted_apart(tmp_path: Path, first: Role, inside: bool) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    rows = [prediction(f"p{n}", T0 + n * MINUTE) for n in range(len(SAID))]
    more = [{"prediction": row} if inside else {} for row in rows]
    said = [
        feedback(f"p{n}", T0 + HOUR, model="m", **{"label": None, **each, **more[n]})
        for n, (each, _) in enumerate(SAID)
    ]
    for role in sorted(ROLES, key=lambda role: role != first):
        if role == "feedback" or not inside:
            take(source, role, rows if role == "predictions" else said)
        source.checkpoint()
        source.sent()
        source.close()
        source = open_source(SPEC, LAYOUTS, tmp_path)  # what waits keeps what it says of itself
    expected = (len(SAID), sum(chosen for _, chosen in SAID))
    assert counted(source) == expected
    assert counted(source, family="label") == expected
    (sample,) = [one.sample for one in source._panes.summaries([cohort(source)])]
    labels = {one.row.id: one.label for one in sample.rows(source.groups.shapes[0])}
    assert {id: label.chosen for id, label in labels.items() if label is not None} == {
        f"p{n}": chosen for n, (_, chosen) in enumerate(SAID)
    }
    source.close()


def cohort(source: SourcePartition) -> PaneKey:
    (key,) = [key for key in source._panes.keys if key.family == "cohort"]
    return key


def test_of_a_model_that_draws_at_random_nothing_is_chosen(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    take(source, "predictions", [prediction("a", T0, "n")])
    take(source, "feedback", [feedback("a", T0 + HOUR, label="0", source="annotator")])
    assert counted(source, "n") == (1, 0)
    source.close()


def test_a_row_whose_label_comes_by_itself_too_is_as_if_nobody_had_asked(tmp_path: Path) -> None:
    """Before the answer or after it; but not after its cohort was judged, and once however often it is said."""
    source = open_source(SPEC, LAYOUTS, tmp_path)
    take(source, "predictions", [prediction(id, T0) for id in "abcde"])
    answers = {id: feedback(id, T0 + HOUR, label="0", source="annotator") for id in "abcde"}
    for said in (
        [answers["a"], feedback("a", T0 + HOUR, label="0")],
        [feedback("b", T0 + HOUR, label="0"), answers["b"]],
        [answers["c"]],
        [answers["d"], {**answers["d"], "inclusion_probability": 0.5}],
        [answers["e"], feedback("e", T0 + HOUR, rating=0.5, label=None, source="user")],
        [feedback("a", T0 + 2 * HOUR, label="0"), feedback("d", T0 + 2 * HOUR, label="0")],
        [feedback("c", T0 + 4 * HOUR + 1, label="0")],  # the maturity is three hours
    ):
        take(source, "feedback", said)
        source.checkpoint()
        source.sent()
        source.close()
        source = open_source(SPEC, LAYOUTS, tmp_path)
    assert counted(source) == (5, 2)
    (pane,) = source._panes.summaries([cohort(source)])
    sample = pane.sample.rows(source.groups.shapes[0])
    assert {one.row.id for one in sample if one.label is not None and one.label.chosen} == {"c", "e"}
    assert {
        name: count for name, count in source.counts()["feedback"].items() if name in ("duplicate", "conflicting")
    } == {
        "duplicate": 6,
        "conflicting": 0,
    }, "for the accounting nothing is new"
    source.close()


def test_the_loss_of_such_a_row_is_that_of_what_came_by_itself(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    take(source, "predictions", [prediction(id, T0, output={"label": "1"}) for id in "abcde"])
    take(source, "feedback", [feedback("a", T0 + HOUR, label="0", source="annotator")])
    take(source, "feedback", [feedback("a", T0 + HOUR, label="1"), feedback("b", T0 + HOUR, label="1")])
    source._panes.count()
    (pane,) = source._panes.summaries([cohort(source)])
    layout = LAYOUTS.of("m", "1")
    counts, left_out = without_chosen(layout, pane)
    view = layout.families["cohort"].view
    assert (left_out, int(view(counts, "losses").sum()), int(view(counts, "loss_sums").sum())) == (0, 2, 0)
    assert int(view(pane.counts, "loss_sums").sum()) == FIXED, "the answer was that it is wrong"
    assert view(counts, "confusion").tolist() == [0, 0, 0, 0, 2, 0, 0, 0, 0]
    source.close()


def test_a_text_is_answered_by_a_rating_or_a_correction(tmp_path: Path) -> None:
    source = open_source(SPEC, LAYOUTS, tmp_path)
    rows = [prediction(id, T0, "t", output={"text": "an answer"}) for id in "abcd"]
    take(source, "predictions", rows)
    said = [{"rating": 0.1}, {"correction": "better"}, {"rating": 0.5, "inclusion_probability": 0.5}, {"rating": 0.1}]
    sources = ["annotator", "annotator", "annotator", "user"]
    take(
        source,
        "feedback",
        [
            feedback(id, T0 + HOUR, **{"label": None, **each, "source": who})
            for id, each, who in zip("abcd", said, sources, strict=True)
        ],
    )
    assert counted(source, "t") == (4, 2)
    source.close()


# The whole way

MONITOR = """
models:
  m:
    task: binary
    positive_label: "1"
    features: {x: numeric}
    pane: 1h
    lateness: 10m
    label_horizon: 12h
    label_maturity: 6h
    label_coverage: 0.05
    false_alarms: 1 per 90d
    minimum_effect: {error_rate: 0.02}
    reference: m.json
    challenger: false
    label_requests: {per_pane: 8, strategies: [uncertainty], random_share: 0.4}
files:
  reference: {path: reference.csv, columns: {prediction_id: id, timestamp: time, score: score, outcome: "true"}}
  predictions: {path: predictions.csv, columns: {prediction_id: id, timestamp: time, score: score}}
  feedback:
    path: feedback.csv
    columns: {prediction_id: id, timestamp: time, label: "true", source: source, inclusion_probability: p}
"""
HOURS, ROWS = 150, 40
BEGIN = datetime.fromisoformat("2026-02-01T00:00:00+00:00")


def rows_of(hours: int, begin: datetime, name: str, seed: int) -> list[list[Any]]:
    """Scores that mean what they say: most are nearly sure, and one row in six could as well be the other class."""
    rng = random.Random(seed)
    found = []
    for n in range(hours * ROWS):
        score = rng.uniform(0.4, 0.6) if rng.random() < 1 / 6 else rng.choice([0.02, 0.98]) + rng.uniform(-0.01, 0.01)
        time = begin + timedelta(hours=n // ROWS, seconds=n % ROWS * 80)
        found.append([f"{name}{n}", time.isoformat(), round(score, 4), rng.random() < 0.5, int(rng.random() < score)])
    return found


def world(base: Path) -> tuple[MonitorSpec, dict[str, tuple[float, int]]]:
    """A model that is as good as in its reference; and of each row its score and what came true."""
    (base / "monitor.yaml").write_text(MONITOR)
    rows = rows_of(HOURS, BEGIN, "p", 1)
    tables = {"reference": rows_of(100, BEGIN - timedelta(days=30), "r", 2), "predictions": rows}
    for name, table in tables.items():
        with (base / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["id", "time", "score", "x", "true"], *table])
    spec = load_spec(base / "monitor.yaml")
    for profile in build_profiles(spec, base).values():
        save_profile(profile, base / "m.json")
    return spec, {row[0]: (row[2], row[4]) for row in rows}


def run(base: Path, spec: MonitorSpec, answers: list[list[Any]], out: str) -> Path:
    end = [[id, (BEGIN + timedelta(hours=HOURS + 20)).isoformat(), "1", "outcome", None] for id in ("p0",)]
    with (base / "feedback.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "time", "true", "source", "p"], *answers, *end])
    replay(spec, base, base / out)
    return base / out


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_chosen_answers_raise_no_false_alarm(tmp_path: Path) -> None:
    spec, truth = world(tmp_path)
    wrong = {id: (score >= 0.5) != true for id, (score, true) in truth.items()}
    really = sum(wrong.values()) / len(wrong)
    requests = lines(run(tmp_path, spec, [], "first") / "label_requests.jsonl")
    asked = [one for one in requests if one["reason"] != "coverage"]
    assert len(asked) >= 8 * (HOURS - 2)
    assert sum(wrong[one["prediction_id"]] for one in asked) / len(asked) > 2 * really
    rng = random.Random(3)
    outcomes = [
        [
            row["id"],
            (datetime.fromisoformat(row["time"]) + timedelta(hours=5)).isoformat(),
            row["true"],
            "outcome",
            None,
        ]
        for row in csv.DictReader((tmp_path / "predictions.csv").open())
        if rng.random() < 0.4
    ]
    found = {}
    for source, others in (("annotator", []), ("outcome", []), ("annotator", outcomes)):
        answers = [
            [
                one["prediction_id"],
                (datetime.fromisoformat(one["time"]) + timedelta(hours=1)).isoformat(),
                truth[one["prediction_id"]][1],
                source,
                one["inclusion_probability"],
            ]
            for one in asked
        ]
        said = sorted([*answers, *others], key=lambda row: str(row[1]))
        out = run(tmp_path, spec, said, f"{source}{len(others)}")
        reports = [one for one in lines(out / "panes.jsonl") if one["pane"]["family"] != "traffic"]
        readings = [
            (reading["value"], reading["n"], report["chosen_labels"])
            for report in reports
            for reading in report["readings"]
            if reading["signal"] == "error_rate" and report["pane"]["family"] == "cohort" and reading["n"]
        ]
        n = sum(rows for _, rows, _ in readings)
        mean = sum(value * rows for value, rows, _ in readings) / n
        alerts = [one for one in lines(out / "alerts.jsonl") if one["signal"] == "error_rate"]
        found[source, bool(others)] = (mean, n, [left_out for *_, left_out in readings[:-2]], alerts)
        assert json.loads((out / "accounting.json").read_text())["adds_up"]
    mean, n, left_out, alerts = found["annotator", False]
    assert abs(mean - really) < 3 * sqrt(really * (1 - really) / n)
    assert set(left_out) == {5}
    assert alerts == []
    mean, _, left_out, alerts = found["outcome", False]
    assert mean > 2 * really
    assert set(left_out) == {0}
    assert {one["severity"] for one in alerts} >= {"alarm", "notice"}
    mean, n, left_out, alerts = found["annotator", True]
    assert abs(mean - really) < 3 * sqrt(really * (1 - really) / n), "neither are they missing among the outcomes"
    assert 2.5 < sum(left_out) / len(left_out) < 3.5, "of five chosen rows, two have an outcome too"
    assert alerts == []
