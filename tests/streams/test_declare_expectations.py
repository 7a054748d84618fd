"""Expectations are written into the monitor file, and nothing else of it changes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from detectors.infer_expectations import Inferred
from schemas.expectation import Expectation
from streams.cli import app
from streams.declare_expectations import NoPlace, with_expectations
from streams.files import load_profile, load_spec
from streams.monitor_yaml import read_yaml

ONE = Inferred(Expectation(name='x is "there"', dimension="completeness", rule="not missing(x)"), "100 rows")
TWO = Inferred(Expectation(name="é\u2028", dimension="validity", rule='c in ["a", "b"]'), "2 values")

MODEL = """task: binary
    positive_label: 1   # as in the table
    features:
      x: numeric
      c: categorical
    pane: 1d
    label_horizon: 7d
    false_alarms: 1 per 90d
    reference: m.json"""
FILE = f"""# what we watch
models:

  m:  # the first
    {MODEL}  # where it goes
    # the end of m

  other:
    {MODEL}

files: {{}}
"""


def inserted(before: str, after: str) -> str:
    """What was added at one place; asserts that all else is the same."""
    start = next(i for i, (a, b) in enumerate(zip(before + "\0", after, strict=False)) if a != b)
    end = len(before) - start
    assert after[:start] == before[:start]
    assert not end or after[-end:] == before[start:]
    return after[start : len(after) - end]


def test_lines_are_inserted_below_the_model() -> None:
    after = with_expectations(FILE, "m", [ONE, TWO])
    assert "reference: m.json  # where it goes\n    expectations:\n      # the reference: 100 rows\n" in after
    assert (
        '      - name: "x is \\"there\\""\n        dimension: completeness\n        rule: "not missing(x)"\n' in after
    )
    data, before = read_yaml(after), read_yaml(FILE)
    found = data["models"]["m"].pop("expectations")
    assert data == before
    assert [each["name"] for each in found] == ['x is "there"', "é\u2028"]
    assert "# the end of m" in after
    inserted(FILE, after)


def test_more_are_added_below_those_that_are_there() -> None:
    first = with_expectations(FILE, "m", [ONE])
    second = with_expectations(first, "m", [TWO])
    assert [each["name"] for each in read_yaml(second)["models"]["m"]["expectations"]] == ['x is "there"', "é\u2028"]
    inserted(first, second)


@pytest.mark.parametrize("model", ["m", "other"])
@pytest.mark.parametrize(
    "text",
    [
        FILE,
        FILE.replace("\n", "\r\n"),
        "\ufeff" + FILE,
        FILE.replace("\nfiles: {}\n", ""),
        FILE.rstrip("\n").replace("\n\nfiles: {}", ""),
        FILE.replace("reference: m.json", "reference: >-\n      m.json"),
        FILE.replace("reference: m.json", "reference:\n      '1': m.json"),
        FILE.replace("reference: m.json", "reference: m.json\n    segments: [\n      c\n    ]"),
        FILE.replace("reference: m.json", "reference: m.json\n    segments:\n    - c"),
        FILE.replace("reference: m.json", "reference: m.json\n    costs:\n      loss: 3\n"),
    ],
)
def test_whatever_the_file_looks_like_the_rest_stays(text: str, model: str) -> None:
    after = with_expectations(text, model, [ONE])
    lines = inserted(text, after)
    assert lines.count("\n") in (5, 6)
    assert ("\r\n" in lines) == ("\r\n" in text)
    data = read_yaml(after.removeprefix("\ufeff"))
    assert len(data["models"][model]["expectations"]) == 1
    assert "expectations" not in data["models"]["other" if model == "m" else "m"]


@pytest.mark.parametrize(
    "text",
    [
        "models: {m: {task: regression, features: {x: numeric}, pane: 1d}}",
        FILE.replace("  m:  #", "  m: &first  #").replace(f"  other:\n    {MODEL}", "  other: *first"),
        FILE.replace("reference: m.json", "reference: m.json\n    expectations: []"),
        FILE.replace("reference: m.json", "reference: m.json\n    expectations:"),
    ],
)
def test_where_there_is_no_place_it_says_so(text: str) -> None:
    assert read_yaml(text)
    with pytest.raises(NoPlace):
        with_expectations(text, "m", [ONE])


def test_the_command_writes_the_file_and_a_profile_that_counts_the_rules(tmp_path: Path) -> None:
    lines = [f"{row},2026-01-{1 + row // 20:02d},1,{row % 7},{'ab'[row % 2]}" for row in range(400)]
    (tmp_path / "reference.csv").write_text("\n".join(["id,time,said,x,c", *lines]) + "\n")
    monitor = tmp_path / "monitor.yaml"
    columns = "{prediction_id: id, timestamp: time, label: said}"
    text = f"models:\n  m:\n    {MODEL}\nfiles:\n  reference:\n    path: reference.csv\n    columns: {columns}\n"
    monitor.write_text(text)
    result = CliRunner().invoke(app, ["reference", str(monitor), "--expectations"])
    assert result.exit_code == 0, result.output
    assert "5 expectations added" in result.output
    inserted(text, monitor.read_text())
    spec = load_spec(monitor)
    assert [one.rule for one in spec.models["m"].expectations] == [
        "not missing(x)",
        "not missing(c)",
        "0 <= x <= 6.6",
        "whole(x)",
        'c in ["a", "b"]',
    ]
    counts = load_profile(tmp_path / "m.json").counts["traffic"]
    assert counts["expectation:whole(x)"] == [0, 400]
    again = CliRunner().invoke(app, ["reference", str(monitor), "--expectations"])
    assert "no expectations of m to add" in again.output
