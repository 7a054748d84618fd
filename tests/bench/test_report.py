"""Results and tables: what others read off them is there, measured or not."""

import json
from pathlib import Path

import pytest

from bench.consumers import NAMES, Round
from bench.report import BEGIN, END, REQUIRED, compared, complete, tables, write_results, write_tables
from bench.targets import TARGETS
from bench.window import window
from bench.worker import Lap, NotDone, part


def rounds() -> dict[str, list[Round]]:
    walls = {"floor": 1.0, "faust": 20.0, "quix": 2.0, "bytewax": 2.0, "worker": 0.8, "worker_join": 1.0}
    return {
        name: [Round(events=1_000, wall=wall * factor, cpu=wall / 2, peak_mb=100.0) for factor in (1.0, 3.0, 1.1)]
        for name, wall in walls.items()
    }


def test_results_have_every_required_key(tmp_path: Path) -> None:
    write_results(complete(compared(rounds()) | {"machine": {"processor": "a"}}), tmp_path / "x" / "results.json")
    found = json.loads((tmp_path / "x" / "results.json").read_text())
    assert list(found)[: len(REQUIRED)] == list(REQUIRED)
    assert found["floor"] == round(1_000 / 1.1)  # the median, not the mean
    assert found["ratios"]["worker/floor"] == pytest.approx(1.25, abs=0.01)
    assert found["peak_mb"] == 100.0


def test_what_was_not_measured_is_null_and_in_the_tables_all_the_same() -> None:
    results = complete(compared({"floor": rounds()["floor"]}))
    assert set(REQUIRED) <= set(results)
    assert results["worker"] is None
    assert results["ratios"] == {}
    assert tables(results).count("not measured") == len(TARGETS)


def test_the_memory_scenario_says_what_the_peak_is() -> None:
    assert complete({"memory": {"peak_mb": 300.0}, "peak_mb": 100.0})["peak_mb"] == 300.0


def test_targets_are_judged_by_the_worst_of_several_figures() -> None:
    results = complete({"recovery": {"same_disk_s": [11.0, 16.0], "new_disk_s": [20.0, 30.0]}})
    verdicts = {one["what"]: (one["measured"], one["met"]) for one in results["targets"]}
    assert verdicts["kill -9 → reading again, same disk"] == (16.0, False)
    assert verdicts["kill -9 → reading again, new disk"] == (30.0, True)


def test_tables_replace_what_stands_between_the_markers(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    results = complete(compared(rounds()))
    write_tables(results, document)
    write_tables(results, document)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert sum(line.startswith("| ") and "events" not in line.split("|")[1] for line in text.splitlines()) >= len(NAMES)


def test_a_document_without_markers_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("text\n")
    with pytest.raises(ValueError, match="markers"):
        write_tables(complete(compared(rounds())), document)


def test_the_window_leaves_out_both_ends() -> None:
    laps = [Lap(events, wall=events / 100, cpu=events / 200) for events in (50, 120, 500, 910, 1_000)]
    measured = part(laps, *window(1_000))
    assert (measured.events, measured.wall) == (790, pytest.approx(7.9))
    with pytest.raises(NotDone):
        part([laps[0], laps[4]], *window(1_000))
