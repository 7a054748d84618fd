"""`replay` on the bundled examples: what their READMEs promise, the same bytes every time, and River's own alarms."""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from river.drift import ADWIN

from streams.accounting import adds_up
from streams.errors import UserError
from streams.files import load_spec, save_profile
from streams.output_files import FILES
from streams.profiling import build_profiles
from streams.replay import replay

pytestmark = pytest.mark.xdist_group("replayed examples")  # each is replayed once
EXAMPLES = Path(__file__).parents[2] / "examples"
CHANGE = "2019-03-31T03:00:00Z"
DRIFT = "2026-02-06T00:00:00Z"
ROADWORKS = "2026-02-20T00:00:00Z"

AGAIN = """
import sys
from itertools import pairwise
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from streams import replay
from streams.files import load_spec
replay.CHUNK = 1_234
base = Path(sys.argv[2])
replay.replay(load_spec(base / "monitor.yaml"), base, Path(sys.argv[3]))
"""


class Replayed:
    """An example, replayed twice: here, and in another process, in other chunks and with other hashes of text."""

    def __init__(self, name: str, base: Path) -> None:
        self.base = base
        (base / "data").symlink_to(EXAMPLES / name / "data")
        written = (EXAMPLES / name / "monitor.yaml").read_text()
        river = "    detectors: [adwin]\n"  # no example names one, and one is held against River run by hand
        (base / "monitor.yaml").write_text(written.replace("    segments:", river + "    segments:", 1))
        self.spec = load_spec(base / "monitor.yaml")
        for profile in build_profiles(self.spec, base).values():
            save_profile(profile, base / f"{profile.model}.profile.json")
        command = [sys.executable, "-c", AGAIN, str(EXAMPLES.parent), str(base), str(base / "again")]
        other = subprocess.Popen(command, env={**os.environ, "PYTHONHASHSEED": "77"}, stdout=subprocess.DEVNULL)
        try:
            replay(self.spec, base, base / "out")
            assert other.wait(600) == 0
        finally:
            other.kill()
        self.out = base / "out"

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / name).read_text().splitlines()]

    def accounting(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "accounting.json").read_text())
        return found


@pytest.fixture(scope="module")
def car_loan(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return Replayed("car_loan", tmp_path_factory.mktemp("car_loan"))


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return Replayed("deliveries", tmp_path_factory.mktemp("deliveries"))


@pytest.fixture(params=["car_loan", "deliveries"])
def example(request: pytest.FixtureRequest) -> Replayed:
    found: Replayed = request.getfixturevalue(request.param)
    return found


def test_the_same_input_gives_the_same_bytes_in_every_file(example: Replayed) -> None:
    names = {path.name for path in example.out.iterdir()}
    assert names >= {*FILES.values(), "accounting.json"}
    assert names == {path.name for path in (example.base / "again").iterdir()}
    for name in names:
        assert (example.out / name).read_bytes() == (example.base / "again" / name).read_bytes(), name
    assert (example.out / "panes.jsonl").stat().st_size > 100_000


def test_every_event_is_in_one_bin(example: Replayed) -> None:
    accounting = example.accounting()
    assert accounting["adds_up"] is True
    for role in ("predictions", "feedback"):
        counts = accounting["events"][role]
        assert adds_up(counts)
        assert counts["control"] == 1
        assert counts["read"] > 14_000
        assert counts["summarised"] == counts["read"] - 1, "clean data, in order"
    for destination, name in FILES.items():
        assert accounting["outputs"][destination] == len(example.lines(name))


def test_ids_are_unique_and_lines_have_what_a_reader_looks_for(example: Replayed) -> None:
    for name in FILES.values():
        ids = [(line["id"], line["time"] if name == "outcomes.jsonl" else "") for line in example.lines(name)]
        assert len(ids) == len(set(ids))  # an outcome that is known better comes again with its id
    needed = {"id", "model", "version", "signal", "time", "since"}
    for line in example.lines("alerts.jsonl"):
        assert needed | {"severity"} <= line.keys()
        assert line["since"] <= line["time"]
    for line in example.lines("triggers.jsonl"):
        assert needed <= line.keys()


def test_panes_are_judged_in_the_order_in_which_they_are_due(example: Replayed) -> None:
    times = [(line["time"], line["pane"]["family"]) for line in example.lines("panes.jsonl")]
    assert times == sorted(times)
    assert {family for _, family in times} == {"traffic", "label", "cohort"}


def test_car_loan_is_quiet_before_the_change(car_loan: Replayed) -> None:
    assert [line for line in car_loan.lines("alerts.jsonl") if line["time"] < CHANGE] == []
    assert [line for line in car_loan.lines("triggers.jsonl") if line["time"] < CHANGE] == []


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def labels_since_the_change(time: str) -> tuple[int, int]:
    """Return of how many loans made after the change the outcome was known at `time`, and how many were judged."""
    known = judged = 0
    for row in table("car_loan_analysis.csv.gz"):
        made = moment(row["timestamp"] + "+00:00")
        if made < moment(CHANGE):
            continue
        known += made + timedelta(days=7) <= moment(time)
        day_after = made.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        judged += day_after + timedelta(days=7) <= moment(time)
    return known, judged


def table(name: str) -> list[dict[str, str]]:
    with gzip.open(EXAMPLES / "car_loan" / "data" / name, "rt") as file:
        return list(csv.DictReader(file))


def test_car_loan_has_an_alarm_within_1250_labels_of_the_change(car_loan: Replayed) -> None:
    alarms = [line for line in car_loan.lines("alerts.jsonl") if line["severity"] == "alarm"]
    known, judged = labels_since_the_change(alarms[0]["time"])
    assert 0 < judged <= known <= 1_250
    assert alarms[0]["signal"] == "error_rate"
    assert alarms[0]["segment"] is None
    assert abs(moment(alarms[0]["since"]) - moment(CHANGE)) <= timedelta(days=3)


def test_car_loan_has_one_trigger_with_what_to_train_on_and_asks_again_ever_later_as_nobody_answers(
    car_loan: Replayed,
) -> None:
    trigger, *again = car_loan.lines("triggers.jsonl")
    for earlier, later in pairwise([trigger, *again]):
        assert later["since"] == earlier["since"]
        assert moment(later["time"]) - moment(earlier["time"]) >= timedelta(days=28)
    statuses = [line["status"] for line in car_loan.lines("outcomes.jsonl")]
    assert statuses == ["unanswered"] * len(statuses)
    alarms = [line for line in car_loan.lines("alerts.jsonl") if line["severity"] == "alarm"]
    assert trigger["time"] >= alarms[0]["time"] > CHANGE
    assert trigger["evidence"][0]["alert"] == alarms[0]["id"]
    assert trigger["train_on"]["labelled_rows"] >= 500
    assert abs(moment(trigger["train_on"]["window"]["start"]) - moment(CHANGE)) <= timedelta(days=3)


@pytest.mark.parametrize("segment", [None, "0 - 20K €"])
def test_adwins_alarms_are_those_of_river_run_by_hand_over_the_sorted_stream(
    car_loan: Replayed, segment: str | None
) -> None:
    outcomes = {row["id"]: row["repaid"] for row in table("car_loan_analysis_target.csv.gz")}
    rows = sorted(
        (
            moment(row["timestamp"] + "+00:00") + timedelta(days=7),
            row["id"],
            float(row["y_pred"] != outcomes[row["id"]]),
        )
        for row in table("car_loan_analysis.csv.gz")
        if segment is None or row["salary_range"] == segment
    )
    panes = [line for line in car_loan.lines("panes.jsonl") if line["pane"]["family"] == "label"]
    end = moment(panes[-1]["pane"]["end"])
    losses = [loss for known, _, loss in rows if known < end]

    adwin, by_hand = ADWIN(), []
    for index, loss in enumerate(losses):
        adwin.update(loss)
        if adwin.drift_detected:
            by_hand.append(index)
    assert by_hand, "a comparison of something"

    name = None if segment is None else f"salary_range={segment}"
    readings = [
        reading
        for line in panes
        for reading in line["readings"]
        if reading["detector"] == "adwin" and reading["segment"] == name
    ]
    assert not any(reading["sampled"] for reading in readings), "each pane's sample is all of its rows"
    assert sum(reading["n"] for reading in readings) == len(losses)
    assert [position for reading in readings for position in reading["positions"]] == by_hand


def test_deliveries_have_only_notices_of_the_harmless_drift_before_the_roadworks(deliveries: Replayed) -> None:
    before = [line for line in deliveries.lines("alerts.jsonl") if line["time"] < ROADWORKS]
    assert {line["severity"] for line in before} == {"notice"}
    assert {(line["signal"], line["feature"]) for line in before} == {("feature_drift", "distance_km")}
    joined = [each for line in deliveries.lines("panes.jsonl") for each in line["joined"]]
    drifted = [each["episode"] for each in joined if each["signal"] == "prediction_drift"]
    assert drifted == [line["episode"] for line in before]  # the same change, seen by another signal
    assert min(line["time"] for line in before) > DRIFT
    assert [line for line in deliveries.lines("triggers.jsonl") if line["time"] < ROADWORKS] == []


def test_deliveries_have_an_alarm_of_the_south_and_one_trigger_after_the_roadworks(deliveries: Replayed) -> None:
    alarms = [line for line in deliveries.lines("alerts.jsonl") if line["severity"] == "alarm"]
    assert {line["signal"] for line in alarms} == {"absolute_error"}
    assert {line["segment"] for line in alarms} == {"district=south"}
    assert {line["episode"] for line in alarms} == {alarms[0]["episode"]}
    assert alarms[0]["slice"]["conditions"] == ["district = south"]
    assert max(line["time"] for line in alarms) < "2026-02-24"
    for alarm in alarms:
        assert abs(moment(alarm["since"]) - moment(ROADWORKS)) <= timedelta(days=1)
    (trigger,) = deliveries.lines("triggers.jsonl")
    assert trigger["time"] > alarms[0]["time"]
    assert {line["segment"] for line in trigger["train_on"]["slices"]} >= {"district=south"}


SMALL = """
models:
  m:
    task: binary
    positive_label: "1"
    features: {x: numeric}
    pane: 1h
    lateness: 10m
    label_horizon: 1d
    false_alarms: 1 per 90d
    reference: m.json
files:
  reference: {path: reference.csv, columns: {prediction_id: id, timestamp: time, label: said, outcome: true}}
  predictions: {path: predictions.csv, columns: {prediction_id: id, timestamp: time, label: said}}
  feedback: {path: feedback.csv, columns: {prediction_id: id, timestamp: time, label: true}}
"""


def small(base: Path, predictions: str, feedback: str) -> Path:
    """Replay tables of a few rows; return where the reports are."""
    (base / "monitor.yaml").write_text(
        SMALL.replace("outcome: true", 'outcome: "true"').replace("label: true", 'label: "true"')
    )
    lines = [f"r{n},2026-01-{1 + n // 24:02d}T{n % 24:02d}:00:00Z,{n % 2},{n % 2},{n % 7}" for n in range(240)]
    (base / "reference.csv").write_text("id,time,said,true,x\n" + "\n".join(lines))
    (base / "predictions.csv").write_text("id,time,said,x\n" + predictions)
    (base / "feedback.csv").write_text("id,time,true\n" + feedback)
    spec = load_spec(base / "monitor.yaml")
    for profile in build_profiles(spec, base).values():
        save_profile(profile, base / "m.json")
    replay(spec, base, base / "out")
    return base / "out"


def test_a_replay_ends_with_a_watermark_at_the_largest_time_of_all_tables(tmp_path: Path) -> None:
    out = small(
        tmp_path,
        "a,2026-02-01T00:00:00Z,1,1\nb,2026-02-01T01:00:00Z,1,1\n",
        "a,2026-02-01T02:10:00Z,1\n",
    )
    closed = [json.loads(line)["pane"] for line in (out / "panes.jsonl").read_text().splitlines()]
    assert [(pane["family"], pane["start"][11:16]) for pane in closed] == [
        ("traffic", "00:00"),
        ("traffic", "01:00"),
    ], "the pane that ends at 02:00 is complete at 02:10, less the lateness; those of labels are not yet due"


def test_bad_rows_are_dead_letters_in_a_file_and_counted(tmp_path: Path) -> None:
    out = small(
        tmp_path, "a,2026-02-01T00:00:00Z,1,1\n,2026-02-01T00:01:00Z,1,1\n", "a,yesterday,1\na,2026-02-01T00:02:00Z,1\n"
    )
    letters = [json.loads(line) for line in (out / "dead_letters.jsonl").read_text().splitlines()]
    assert sorted((letter["topic"], letter["offset"], letter["reason"]) for letter in letters) == [
        ("feedback", 0, "contract"),
        ("predictions", 1, "contract"),
    ]
    assert sorted(letter["message"].split(": ")[0] for letter in letters) == [
        "feedback.csv, row 1",
        "predictions.csv, row 2",
    ]
    accounting = json.loads((out / "accounting.json").read_text())
    assert accounting["adds_up"] is True
    assert accounting["events"]["predictions"]["dead_lettered"] == 1
    assert accounting["outputs"]["dead_letters"] == 2


def test_a_second_replay_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    small(tmp_path, "a,2026-02-01T00:00:00Z,1,1\n,2026-02-01T05:00:00Z,1,1\n", "a,2026-02-01T00:02:00Z,1\n")
    out = small(tmp_path, "a,2026-02-01T00:00:00Z,1,1\n", "a,2026-02-01T00:02:00Z,1\n")
    assert (out / "dead_letters.jsonl").read_text() == ""
    assert (out / "panes.jsonl").read_text() == ""


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="cannot be made a directory for the reports"):
        small(tmp_path, "a,2026-02-01T00:00:00Z,1,1\n", "a,2026-02-01T00:02:00Z,1\n")


def test_a_table_of_which_most_is_refused_is_named_with_a_row_and_no_topic(tmp_path: Path) -> None:
    rows = "".join(f"a{n},2026-02-01T00:00:00Z,1,1\n,2026-02-01T00:00:00Z,1,1\n" for n in range(499))
    rows += ",2026-02-01T00:00:00Z,1,1\n" * 20
    with pytest.raises(UserError) as raised:
        small(tmp_path, rows, "a1,2026-02-01T00:02:00Z,1\n")
    said = str(raised.value)
    assert said.startswith("files.predictions: 501 of the last 1000 records were refused")
    assert "predictions.csv, row 10" in said
    assert not re.search("topic|partition|offset", said)


def test_times_without_a_zone_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small(tmp_path, "a,2026-02-01 00:00:00,1,1\n", "a,2026-02-01T02:10:00+02:00,1\n")
    lines = [line for line in capsys.readouterr().out.splitlines() if "no zone:" in line]
    assert lines == ["Times of predictions.csv have no zone: taken as UTC."]


def test_it_is_told_where_much_was_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "a,2026-02-01T00:00:00Z,1,1\n,2026-02-01T00:01:00Z,1,1\n"
    small(tmp_path, rows, "a,2026-02-01T00:02:00Z,1\n")
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "Warning: 50.0 % of predictions was refused (1 of 2), such as predictions.csv, row 2: prediction_id: " in said
    )
    assert "% of feedback was refused" not in said
    (tmp_path / "again").mkdir()
    small(tmp_path / "again", "a,2026-02-01T00:00:00Z,1,1\n", "a,2026-02-01T00:02:00Z,1\n")
    assert "Warning" not in capsys.readouterr().out


def test_a_number_that_becomes_text_is_a_schema_change_that_says_so(tmp_path: Path) -> None:
    rows = "".join(
        f"p{n},2026-02-01T{n // 40:02d}:{n % 40:02d}:00Z,1,{n}{' chars' if n >= 80 else ''}\n" for n in range(200)
    )
    out = small(tmp_path, rows, "p0,2026-02-01T04:50:00Z,1\n")
    (change,) = [json.loads(line) for line in (out / "schema_changes.jsonl").read_text().splitlines()]
    assert (change["kind"], change["from_type"], change["to_type"]) == ("retyped", "numeric", "text")
    assert "has changed its type from numeric to text" in change["summary"]
