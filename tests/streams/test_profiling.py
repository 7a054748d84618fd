"""Reference profiles from tables: whose rows, which labels, and what is too broken to compare with."""

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detectors.layout import FIXED
from schemas.profile import ReferenceProfile
from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.profiling import build_profiles

MODEL: dict[str, Any] = {
    "task": "binary",
    "positive_label": "1",
    "features": {"x": "numeric", "c": "categorical"},
    "pane": "1d",
    "label_horizon": "7d",
    "false_alarms": "1 per 90d",
    "reference": "m.json",
}
COLUMNS = {"prediction_id": "id", "timestamp": "time", "label": "said", "outcome": "true", "version": "version"}
Row = dict[str, Any]


def rows(count: int = 600) -> list[Row]:
    generator = random.Random(3)
    return [
        {
            "id": f"r{n}",
            "time": f"2026-01-{1 + n // 20:02d}T{n % 20:02d}:00:00Z",
            "said": n % 2,
            "true": n % 2 if n % 10 else 1 - n % 2,
            "version": "2" if n % 3 == 0 else "1",
            "x": round(generator.gauss(5, 1), 3),
            "c": "ab"[n % 4 == 0],
        }
        for n in range(count)
    ]


def profiles(
    path: Path,
    table: list[Row],
    tell: Callable[[str], None] = lambda _: None,
    /,
    columns: dict[str, str] = COLUMNS,
    **changes: Any,
) -> dict[tuple[str, str | None], ReferenceProfile]:
    with (path / "reference.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    spec = MonitorSpec.model_validate(
        {
            "models": {"m": {**MODEL, **changes}},
            "files": {
                "reference": {"path": "reference.csv", "columns": columns},
                "predictions": [],
                "feedback": [],
            },
        }
    )
    return build_profiles(spec, path, tell)


def test_all_versions_share_a_profile_where_one_file_serves_them(tmp_path: Path) -> None:
    found = profiles(tmp_path, rows())
    assert list(found) == [("m", None)]
    profile = found["m", None]
    assert (profile.rows, profile.labelled, profile.panes) == (600, 600, 30)
    assert sum(profile.counts["cohort"]["losses"]) == 600
    assert profile.counts["traffic"]["n"] == [600]
    assert profile.categories == {"c": ["a", "b"]}
    assert profile.start.isoformat() == "2026-01-01T00:00:00+00:00"


def test_each_version_has_its_own_rows_where_it_has_its_own_file(tmp_path: Path) -> None:
    found = profiles(tmp_path, rows(), reference={"1": "one.json", "2": "two.json"})
    assert {key: profile.rows for key, profile in found.items()} == {("m", "1"): 400, ("m", "2"): 200}
    assert found["m", "2"].version == "2"


def test_a_version_without_rows_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"files.reference: no rows of m version '3'; there are 2, 1"):
        profiles(tmp_path, rows(), reference={"1": "one.json", "3": "three.json"})


def test_a_row_without_an_outcome_counts_and_is_not_labelled(tmp_path: Path) -> None:
    table = rows()
    for row in table[:100]:
        row["true"] = ""
    profile = profiles(tmp_path, table)["m", None]
    assert (profile.rows, profile.labelled) == (600, 500)


def test_a_correction_goes_before_the_outcome_and_tells_how_often_there_is_one(tmp_path: Path) -> None:
    """Of 600 rows 60 have outcomes that the prediction was not; every fourth row is corrected to what was predicted."""
    table = rows()
    for number, row in enumerate(table):
        row["instead"] = row["said"] if number % 4 == 0 else ""
    (profile,) = profiles(tmp_path, table, columns={**COLUMNS, "correction": "instead"}).values()
    label = profile.counts["label"]
    assert (label["corrections"], label["accepted"]) == ([150, 600], [0, 0, 150, 150])
    wrong = sum(row["said"] != row["true"] and row["instead"] == "" for row in table)
    assert profile.counts["cohort"]["loss_sums"] == [wrong * FIXED]
    assert 0 < wrong < 60


def test_a_few_broken_rows_are_left_out_and_more_are_an_error_with_the_first_of_them(tmp_path: Path) -> None:
    table = rows()
    for row in table[10:16]:
        row["id"] = ""
    assert profiles(tmp_path, table)["m", None].rows == 594, "one in a hundred"
    table[16]["id"] = ""
    with pytest.raises(UserError) as raised:
        profiles(tmp_path, table)
    assert str(raised.value).startswith(
        "files.reference: 7 of 600 rows of m break their contract. The first: reference.csv, row 11: "
    )
    assert "prediction_id" in str(raised.value)


def test_an_output_that_does_not_fit_the_task_is_a_broken_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COLUMNS, "score", "score")
    table = [{**row, "said": "", "score": 0.5} for row in rows()]
    with pytest.raises(UserError, match="row 1: output: a multiclass task needs label or probabilities"):
        profiles(tmp_path, table, task="multiclass", positive_label=None)


def test_rows_that_were_left_out_are_told_with_the_first_of_them_and_why(tmp_path: Path) -> None:
    table = rows()
    table[40]["time"], table[50]["time"] = "yesterday", ""
    told: list[str] = []
    assert profiles(tmp_path, table, told.append)["m", None].rows == 598
    assert len(told) == 1
    assert told[0].startswith(
        "left out 2 of 600 rows of m. The first: reference.csv, row 41: timestamp: 'yesterday' is"
    )


def test_the_row_that_is_told_is_that_of_the_table_where_rows_are_out_of_order(tmp_path: Path) -> None:
    table = list(reversed(rows()))
    table[-1]["id"] = ""
    told: list[str] = []
    profiles(tmp_path, table, told.append)
    assert "reference.csv, row 600: prediction_id" in told[0]


def test_times_without_a_zone_are_told_once_for_a_table(tmp_path: Path) -> None:
    table = [{**row, "time": row["time"].removesuffix("Z")} for row in rows()]
    told: list[str] = []
    profiles(tmp_path, table, told.append)
    assert told == ["times of reference.csv have no zone: taken as UTC"]
    told.clear()
    profiles(tmp_path, rows(), told.append)
    assert told == []


def test_the_order_of_the_rows_in_the_table_does_not_matter(tmp_path: Path) -> None:
    table = rows()
    straight = profiles(tmp_path, table)
    random.Random(1).shuffle(table)
    assert profiles(tmp_path, table) == straight
