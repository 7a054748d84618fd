"""The scorecard: every target is in it, measured or not, and finds the figure that its line makes."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.cluster import ROOT
from bench.detection import data
from bench.detection.__main__ import LINES
from bench.detection.lines import delay as delays
from bench.detection.lines.sample_size import sample_size
from bench.detection.protocol import TARGETS, Scale
from bench.detection.report import BEGIN, END, TITLES, complete, tables, write_tables
from bench.report import write_results


def verdicts(lines: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in complete({"lines": lines})["targets"]}


def test_results_hold_every_target_in_the_promised_shape(tmp_path: Path) -> None:
    results = complete({"lines": {"day_effect": {"rate": 0.5, "beside": []}}, "seed": 5})
    write_results(results, tmp_path / "detection.json")
    found = json.loads((tmp_path / "detection.json").read_text())
    assert next(iter(found)) == "targets"
    assert len(found["targets"]) == len(TARGETS)
    assert all({"name", "value", "target", "met"} <= set(one) for one in found["targets"])
    measured = [one for one in found["targets"] if one["met"] is not None]
    assert [(one["name"], one["value"], one["met"]) for one in measured] == [("day effects at 1 per 90 d", 0.5, True)]


def test_a_target_is_missed_where_the_figure_is_beyond_it() -> None:
    found = verdicts({"car_loan": {"early": 1, "delay": 1_250}})
    assert found["car_loan, alarms and notices before the change"]["met"] is False
    assert found["car_loan, change → alarm"]["met"] is True


def test_a_later_run_is_judged_anew() -> None:
    once = complete({"lines": {"day_effect": {"rate": 0.5}}})
    assert complete(once | {"lines": {"day_effect": {"rate": 2.0}}})["targets"][6]["met"] is False


def test_no_two_targets_share_a_name_and_each_belongs_to_a_line() -> None:
    assert len({target.what for target in TARGETS}) == len(TARGETS)
    assert {target.path[0] for target in TARGETS} == set(TITLES)
    assert list(LINES) == list(TITLES)


def test_delays_are_where_their_targets_look_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delays, "tuned", lambda stream, scale: ())
    monkeypatch.setattr(delays, "own_rate", lambda stream, scale: 1.5)
    line = delays.delay(Scale(0.005))
    found = [target.measured({"delay": line}) for target in TARGETS if target.path[0] == "delay"]
    assert len(found) == 6
    assert all(value is not None and 0 < value <= 40_000 for value in found)
    beside = {row["detector"]: row for row in line["beside"]}
    assert beside["UCB95, reference 10,000"]["false alarms per M"] == 1.5
    assert beside["never fires"][".2 → 0.4"] == 40_000
    assert beside["always fires"][".2 → 0.4"] == 1


def test_an_alarm_before_the_change_is_no_find() -> None:
    assert delays._delay(iter([10, 100, 130]), change=100) == 30
    assert delays._delay(iter([10, 100]), change=100) == 40_000


def test_sample_sizes_are_where_their_targets_look_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.detection.lines.sample_size.SIZES", (30, 100))
    line = sample_size(Scale(0.01))
    assert list(line["rate"]) == ["30", "100"]
    assert all(rate >= 0 for rate in line["rate"].values())
    assert line["beside"][0]["PSI > 0.1"] > 45  # a fixed threshold fires on most clean windows of 30


def test_the_table_shows_what_is_met_missed_and_not_measured() -> None:
    text = tables(
        {"lines": {"cost": {"performance": 1.5, "drift": 0.3, "beside": [{"what": "bets", "µs a row": 0.3}]}}}
    )
    assert "1 of 2 measured targets are met" in text
    assert "| performance e-detector, pane of 10 | 1.5 | ≤ 2 µs a row | met |" in text
    assert "| binned drift, pane of 100 | 0.3 | ≤ 0.2 µs an event and feature | **missed** |" in text
    assert text.count("not measured yet") == len(TARGETS) - 2
    assert "| bets | 0.3 |" in text


def test_tables_replace_what_stands_between_the_markers(tmp_path: Path) -> None:
    document = tmp_path / "scorecard.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        write_tables({}, document)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    document.write_text("text\n")
    with pytest.raises(ValueError, match="markers"):
        write_tables({}, document)


def test_the_document_has_the_markers() -> None:
    text = (ROOT / "docs" / "scorecard.md").read_text()
    assert text.index(BEGIN) < text.index(END)


def test_missing_tables_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_DATA", str(tmp_path))
    assert data.missing()["Elec2"] == ["elec2"]
    (tmp_path / "elec2.csv.gz").touch()
    assert "Elec2" not in data.missing()
    assert "- tornado streams: not there: tornado_sine1_101" in tables({})


def test_a_smoke_run_says_so() -> None:
    assert "count for nothing" in tables({"lines": {"cost": {}}, "scale": 0.05})
    assert "count for nothing" not in tables({"lines": {"cost": {}}, "scale": 1})
    assert Scale(0.05).of(20) == 1
    assert Scale(0.05).of(5) == 1
    assert Scale().of(20) == 20
