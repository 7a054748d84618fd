"""The catalogue of features: what is declared, what was seen, what the reference has; and what nobody knows."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from schemas.archive_spec import ArchiveSpec
from streams import observed_features
from streams.cli import app
from streams.feature_catalogue import catalogue
from streams.files import save_profile

from .level_one import END
from .test_archive_panes import open_source
from .world import HOUR, MODEL, T0, layouts_of, log_of, prediction, spec_of, watermark

FEATURES: dict[str, Any] = {
    "x": {"type": "numeric", "minimum": 0},
    "c": {"type": "categorical", "allowed": ["a", "b"], "nullable": False},
    "b": "boolean",
    "t": "text",
    "d": "datetime",
    "never": "numeric",
}
DECLARED = {**MODEL, "features": FEATURES, "reference": "m.json"}


def write(path: Path, rows: list[tuple[str, str, list[Any]]], features: dict[str, Any] = FEATURES) -> None:
    """Archive rows: id, version, values."""
    spec = spec_of(m={**DECLARED, "features": features, "segments": []})
    spec = spec.model_copy(update={"archive": ArchiveSpec(url=str(path / "archive"))})
    events = []
    for number, (id, version, values) in enumerate(rows):
        event = prediction(id, T0 + number * HOUR, version=version)
        events.append({**event, "features": dict(zip(features, values, strict=False))})
    source = open_source(spec, layouts_of(spec_of(m=MODEL)), path / "store")
    source.process("predictions", log_of([*events, watermark(END)]))
    source.process("feedback", log_of([watermark(END)]))
    source.checkpoint()
    source.close()


def monitor(path: Path, profile: bool = True, archive: bool = True) -> Path:
    spec = spec_of(m=DECLARED)
    if profile:
        found = layouts_of(spec_of(m={**MODEL, "features": {"x": "numeric", "c": "categorical"}}))
        (one,) = found.profiles("m").values()
        save_profile(one, path / "m.json")
    file = spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    file["models"]["m"] = DECLARED
    if archive:
        file["archive"] = {"url": "archive"}
    (path / "monitor.yaml").write_text(yaml.safe_dump({name: file[name] for name in file if name != "limits"}))
    return path / "monitor.yaml"


ROWS: list[tuple[str, str, list[Any]]] = [
    ("one", "1", [1.0, "a", True, "four", "2026-01-01"]),
    ("two", "1", [3.0, "b", None, "sixsix", "2025-01-01"]),
    ("three", "2", [None, "b", False, None, None]),
    ("four", "2", ["odd", None, True, None, None]),
]


def by_name(path: Path, **more: Any) -> dict[str, Any]:
    spec = spec_of(m=DECLARED).model_copy(update={"archive": ArchiveSpec(url="archive"), **more})
    found = catalogue(spec, path, "m")
    return {one["name"]: one for one in found["features"]} | {"unknown": found["unknown"]}


def test_what_was_seen_is_told_by_type(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    monitor(tmp_path)
    found = by_name(tmp_path)
    x = found["x"]["observed"]
    assert (x["rows"], x["missing"], x["minimum"], x["maximum"], x["quantiles"]["0.5"]) == (4, 0.5, 1.0, 3.0, 2.0)
    assert (x["first_seen"], x["last_seen"]) == ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    assert x["versions"] == ["1"]
    assert found["c"]["observed"]["versions"] == ["1", "2"]
    assert found["c"]["observed"]["top"] == {"b": pytest.approx(2 / 3), "a": pytest.approx(1 / 3)}
    assert found["b"]["observed"]["top"] == {"true": pytest.approx(2 / 3), "false": pytest.approx(1 / 3)}
    assert (found["t"]["observed"]["minimum"], found["t"]["observed"]["maximum"]) == (4, 6)
    assert (found["d"]["observed"]["minimum"], found["d"]["observed"]["maximum"]) == ("2025-01-01", "2026-01-01")
    never = found["never"]["observed"]
    assert (never["missing"], never["first_seen"], never["versions"]) == (1.0, None, [])
    assert found["x"]["declared"] == {"type": "numeric", "minimum": 0.0, "nullable": True}


def test_the_reference_is_told_beside_it(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    monitor(tmp_path)
    found = by_name(tmp_path)
    x, c = (found[name]["reference"]["all versions"] for name in "xc")
    assert (x["rows"], x["missing"]) == (400, 0.0)
    assert x["minimum"] < x["median_at_most"] < x["maximum"]
    assert sum(c["top"].values()) == pytest.approx(1.0)
    assert found["unknown"] == []


def test_a_feature_that_is_gone_from_the_monitor_file_is_told(tmp_path: Path) -> None:
    write(tmp_path, [("one", "1", [1.0, "a", 7.0])], {"x": "numeric", "c": "categorical", "gone": "numeric"})
    monitor(tmp_path)
    gone = by_name(tmp_path)["gone"]
    assert gone["declared"] is None
    assert (gone["observed"]["type"], gone["observed"]["maximum"], gone["reference"]) == ("numeric", 7.0, {})
    assert by_name(tmp_path)["b"]["observed"] == {
        "rows": 0,
        "missing": None,
        "first_seen": None,
        "last_seen": None,
        "versions": [],
    }


def test_a_feature_that_changed_its_type_is_told_as_it_is_declared_now(tmp_path: Path) -> None:
    write(tmp_path, [("one", "1", ["1", 2.0])], {"x": "categorical", "c": "numeric"})
    monitor(tmp_path)
    found = by_name(tmp_path)
    assert (found["x"]["observed"]["missing"], found["c"]["observed"]["top"]) == (1.0, {"2": 1.0})


def test_without_an_archive_or_a_profile_it_says_what_is_unknown(tmp_path: Path) -> None:
    monitor(tmp_path, profile=False)
    found = by_name(tmp_path)
    assert [one["observed"] for name, one in found.items() if name != "unknown"] == [None] * len(FEATURES)
    gap, reference = found["unknown"]
    assert gap.startswith("first and last seen, share missing, observed values and versions are unknown: ")
    assert "no archive is there" in gap
    assert reference.startswith("the reference of all versions is unknown: ")
    assert "the monitor file has no archive" in by_name(tmp_path, archive=None)["unknown"][0]


def test_many_values_and_categories_stay_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observed_features, "MOST_VALUES", 20)
    monkeypatch.setattr(observed_features, "MOST_CATEGORIES", 10)
    write(tmp_path, [(f"p{n}", "1", [float(n), f"c{n:03}"]) for n in range(400)])
    monitor(tmp_path)
    found = by_name(tmp_path)
    x, c = found["x"]["observed"], found["c"]["observed"]
    assert (x["minimum"], x["maximum"]) == (0.0, 399.0)
    assert x["quantiles"]["0.5"] == pytest.approx(200, abs=30)
    assert (c["values"], c["more_values"]) == (10, True)


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    file = monitor(tmp_path)
    shown = CliRunner().invoke(app, ["features", str(file)], env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    for text in ("Features of m", "at least 0", "must not be missing", "4 to 6 characters", "50.00 %", "b 66.67 %"):
        assert text in shown.output
    told = CliRunner().invoke(app, ["features", str(file), "m", "--json"])
    assert json.loads(told.output)["model"] == "m"
    every = CliRunner().invoke(app, ["features", str(file), "--json"])
    assert [one["model"] for one in json.loads(every.output)["models"]] == ["m"]


def test_a_model_that_is_not_there_is_a_message(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["features", str(monitor(tmp_path)), "mm"])
    assert shown.exit_code == 2
    assert "no model 'mm' in the monitor file (did you mean 'm'?); it has m" in shown.output
