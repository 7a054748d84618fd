"""`streamgauge reference`: what a person is told about the profile that it writes."""

from pathlib import Path
from typing import Any

import pytest

from schemas.spec import MonitorSpec
from streams.build_reference import build_reference
from streams.errors import UserError


def told(path: Path, capsys: pytest.CaptureFixture[str], features: dict[str, Any], **cells: Any) -> list[str]:
    """Return what is said of a reference of 200 rows with these cells, a function of the row each."""
    names = list(cells)
    lines = [
        f"{row},2026-01-{1 + row // 20:02d},1,{','.join(str(cells[name](row)) for name in names)}" for row in range(200)
    ]
    (path / "reference.csv").write_text("\n".join([",".join(["id", "time", "said", *names]), *lines]) + "\n")
    model = {
        "task": "binary",
        "positive_label": "1",
        "features": features,
        "pane": "1d",
        "label_horizon": "7d",
        "false_alarms": "1 per 90d",
        "reference": "m.json",
    }
    columns = {"prediction_id": "id", "timestamp": "time", "label": "said"}
    files = {"reference": {"path": "reference.csv", "columns": columns}}
    build_reference(MonitorSpec.model_validate({"models": {"m": model}, "files": files}), path)
    return capsys.readouterr().out.splitlines()


def test_a_feature_of_whose_values_much_is_no_good_is_warned_of_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = told(
        tmp_path,
        capsys,
        {
            "new_device": "numeric",
            "age": {"type": "numeric", "range": [0, 50]},
            "empty": "numeric",
            "member": "boolean",
            "fine": "numeric",
        },
        new_device=lambda row: ("true", "false")[row % 2] if row else 1,
        age=lambda row: "" if row < 5 else row % 100,
        empty=lambda _: "",
        member=lambda row: "perhaps" if row % 10 == 0 else "yes",
        fine=lambda row: "" if row < 2 else row,  # one in a hundred
    )
    assert "  new_device: 99.5 % of its values are not numeric; is it categorical?" in lines
    assert "  age: 2.5 % of its values are missing, 49.0 % of its values are out of range" in lines
    assert "  empty: 100.0 % of its values are missing; is this its name?" in lines
    assert "  member: 10.0 % of its values are not true or false; is it categorical?" in lines
    assert not [line for line in lines if line.strip().startswith("fine")]


@pytest.mark.parametrize(
    ("declared", "cell", "hint"),
    [
        ("numeric", lambda row: f"a flat with {row} doors", "are not numeric; is it text?"),
        ("numeric", lambda row: f"district {row % 3}", "are not numeric; is it categorical?"),
        ("boolean", lambda row: f"2026-01-{1 + row % 28:02d}T10:00:00Z", "are not true or false; is it datetime?"),
        ("boolean", lambda row: row + 2, "are not true or false; is it numeric?"),
        ("numeric", lambda row: f'"{row},5"', "are not numeric; a decimal comma? Write 1.5, not 1,5"),
    ],
)
def test_a_feature_without_a_value_of_its_type_is_refused_with_the_type_that_they_look_like(
    declared: str, cell: Any, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError) as raised:
        told(tmp_path, capsys, {"x": declared, "y": "numeric"}, x=cell, y=lambda row: row)
    assert str(raised.value) == f"models.m.features.x: all of its values in the reference {hint}"
    assert not (tmp_path / "m.json").exists()


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        (lambda row: "n/a" if row % 25 == 0 else row, "are not numeric"),
        (lambda row: f'"{row},5"' if row % 20 else row, "are not numeric; a decimal comma? Write 1.5, not 1,5"),
    ],
)
def test_of_a_feature_with_values_of_another_type_it_is_warned(
    cell: Any, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = next(line for line in told(tmp_path, capsys, {"x": "numeric"}, x=cell) if line.startswith("  x: "))
    assert line.endswith(hint)


def test_a_categorical_feature_of_very_many_values_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = {"user": "categorical", "region": "categorical"}
    lines = told(tmp_path, capsys, features, user=lambda row: f"u{row}", region=lambda row: f"r{row % 70}")
    found = [line for line in lines if line.startswith("  ")]
    assert (
        "  user: 68.0 % of its values are none of the 64 most frequent, and watched as one; is it text, or an id?"
        in (found)
    )
    assert not [line for line in found if "region" in line]


def test_an_outcome_that_is_in_another_table_is_told_to_belong_into_the_reference(tmp_path: Path) -> None:
    (tmp_path / "reference.csv").write_text("id,time,said,x\n1,2026-01-01,1,1\n")
    model = {"task": "regression", "features": {"x": "numeric"}, "pane": "1d", "label_horizon": "7d"}
    model |= {"false_alarms": "1 per 90d", "reference": "m.json"}
    columns = {"prediction_id": "id", "timestamp": "time", "value": "said", "outcome": "sold_for"}
    files = {"reference": {"path": "reference.csv", "columns": columns}}
    with pytest.raises(UserError, match=r"no column 'sold_for'; .* needs its outcomes in the same table"):
        build_reference(MonitorSpec.model_validate({"models": {"m": model}, "files": files}), tmp_path)
