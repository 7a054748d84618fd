"""The whole way of a request: out of a replay, to an annotator, back as feedback, into coverage and the archive."""

import csv
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.event_time import to_micros
from schemas.spec import MonitorSpec
from streams.archive import Archive
from streams.errors import UserError
from streams.files import load_spec, save_profile
from streams.profiling import build_profiles
from streams.replay import replay

DAY = 86_400_000_000
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
    label_coverage: 0.2
    traffic_sample: 20
    false_alarms: 1 per 90d
    reference: m.json
    label_requests:
      per_pane: 10
      strategies: [uncertainty]
      answer_within: 5h
      rules:
        - {name: large, when: x > 58}
archive: {url: archive}
files:
  reference: {path: reference.csv, columns: {prediction_id: id, timestamp: time, score: score, outcome: "true"}}
  predictions: {path: predictions.csv, columns: {prediction_id: id, timestamp: time, score: score}}
  feedback:
    path: feedback.csv
    columns:
      prediction_id: id
      timestamp: time
      label: "true"
      source: source
      inclusion_probability: p
"""
HOURS, ROWS = 12, 40


def score(n: int) -> float:
    return round((n * 37 % 101) / 100, 2)


def world(base: Path) -> MonitorSpec:
    (base / "monitor.yaml").write_text(MONITOR)
    reference = ["id,time,score,true,x"]
    reference += [
        f"r{n},2026-01-{1 + n // 24:02d}T{n % 24:02d}:00:00Z,{score(n)},{int(score(n) > 0.5)},{n % 60}"
        for n in range(480)
    ]
    (base / "reference.csv").write_text("\n".join(reference))
    rows = ["id,time,score,x"]
    rows += [
        f"p{h}-{n},2026-02-01T{h:02d}:{n:02d}:00Z,{score(h * ROWS + n)},{n * 7 % 60}"
        for h in range(HOURS)
        for n in range(ROWS)
    ]
    rows.append("last,2026-02-03T00:00:00Z,0.9,1")
    (base / "predictions.csv").write_text("\n".join(rows))
    spec = load_spec(base / "monitor.yaml")
    for profile in build_profiles(spec, base).values():
        save_profile(profile, base / "m.json")
    return spec


def run(base: Path, spec: MonitorSpec, feedback: list[list[Any]]) -> Path:
    with (base / "feedback.csv").open("w", newline="") as file:
        end = ["last", "2026-02-03T00:00:00Z", "1", "outcome", ""]
        csv.writer(file).writerows([["id", "time", "true", "source", "p"], *feedback, end])
    out = base / f"out{len(feedback)}"
    replay(spec, base, out)
    return out


def lines(out: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


def coverage(out: Path) -> list[float]:
    readings = [
        reading
        for report in lines(out, "panes.jsonl")
        for reading in report["readings"]
        if report["pane"]["family"] == "cohort"
    ]
    return [reading["value"] for reading in readings if reading["signal"] == "label_coverage"]


def test_drawn_rows_that_are_answered_raise_the_coverage_and_all_stand_in_the_archive_with_their_weight(
    tmp_path: Path,
) -> None:
    spec = world(tmp_path)
    first = run(tmp_path, spec, [])
    requests = lines(first, "label_requests.jsonl")
    early = [one for one in requests if one["reason"] != "coverage"]
    assert {one["reason"] for one in early} == {"rule", "random", "uncertainty"}
    assert max(coverage(first)) == 0.0
    for hour in range(HOURS):
        asked = [one for one in early if one["prediction_id"].startswith(f"p{hour}-")]
        assert len(asked) == 10
        assert {one["time"] for one in asked} == {f"2026-02-01T{hour + 1:02d}:00:00Z"}
        assert {one["deadline"] for one in asked} == {f"2026-02-01T{hour + 6:02d}:00:00Z"}
        large = {f"p{hour}-{n}" for n in range(ROWS) if n * 7 % 60 > 58}
        assert {one["prediction_id"] for one in asked if one["reason"] == "rule"} == large, (
            "of all rows, not of a sample"
        )
        assert {one["inclusion_probability"] for one in asked} == {None, 3 / ROWS}
    answers = [
        [
            one["prediction_id"],
            one["time"].replace(":00:00Z", ":30:00Z"),
            "1",
            "annotator",
            one["inclusion_probability"],
        ]
        for one in early
    ]
    shutil.rmtree(tmp_path / "archive")
    second = run(tmp_path, spec, answers)
    assert [one for one in lines(second, "label_requests.jsonl") if one["reason"] == "coverage"] == []
    assert [one["id"] for one in lines(second, "label_requests.jsonl")] == [one["id"] for one in early]
    assert coverage(second)[:HOURS] == [3 / ROWS] * HOURS, "the chosen ones say nothing of the rows beside them"
    reports = [one for one in lines(second, "panes.jsonl") if one["pane"]["family"] == "cohort"]
    assert [one["chosen_labels"] for one in reports][:HOURS] == [7] * HOURS
    assert json.loads((second / "accounting.json").read_text())["adds_up"]
    assert spec.archive is not None
    start = to_micros(datetime(2026, 2, 1, tzinfo=UTC))
    archived = Archive(spec.archive, tmp_path).rows("m", spec.models["m"], start, start + 3 * DAY)
    rows = {row["prediction_id"]: row for row in archived.to_pylist()}
    for one in early:
        row = rows[one["prediction_id"]]
        assert row["label"] == "1"
        assert row["weight"] == pytest.approx(1 / (one["inclusion_probability"] or 1.0))
    others = [row for id, row in rows.items() if id not in {one["prediction_id"] for one in early} and id != "last"]
    assert {(row["label"], row["weight"]) for row in others} == {(None, 1.0)}


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("when: x > 58", "when: y > 58", "rules: when of 'large', character 1: no feature is called 'y'"),
        ("when: x > 58", "when: x >", "label_requests.rules[0].when: character"),
        ("[uncertainty]", "[uncertainty, uncertainty]", "a strategy stands here once; used twice: uncertainty"),
        ("[uncertainty]", "[doubt]", "'doubt' is not one of random, uncertainty, disagreement"),
        ("per_pane: 10", "per_pane: 9999", "per_pane"),
        ("    false_alarms", "    challenger: false\n    false_alarms", None),
        ("[uncertainty]", "[disagreement]", None),
    ],
)
def test_what_is_wrong_with_requests_is_told_when_the_monitor_file_is_read(
    tmp_path: Path, written: str, instead: str, said: str | None
) -> None:
    (tmp_path / "monitor.yaml").write_text(MONITOR.replace(written, instead, 1))
    if said is None:
        load_spec(tmp_path / "monitor.yaml")
        return
    with pytest.raises(UserError) as error:
        load_spec(tmp_path / "monitor.yaml")
    assert said in str(error.value)
    assert "models.m.label_requests" in str(error.value)


def test_a_challenger_that_is_turned_off_cannot_disagree(tmp_path: Path) -> None:
    text = MONITOR.replace("[uncertainty]", "[disagreement]").replace(
        "    pane: 1h", "    challenger: false\n    pane: 1h"
    )
    (tmp_path / "monitor.yaml").write_text(text)
    with pytest.raises(UserError, match="disagreement is with the challenger, and it is turned off"):
        load_spec(tmp_path / "monitor.yaml")
