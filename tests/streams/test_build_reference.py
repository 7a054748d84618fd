"""`streamgauge reference`: what a person is told about the profile that it writes."""

from pathlib import Path
from typing import Any

import pytest

from schemas.spec import MonitorSpec
from streams.build_reference import build_reference


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
        new_device=lambda row: ("true", "false")[row % 2],
        age=lambda row: "" if row < 5 else row % 100,
        empty=lambda _: "",
        member=lambda row: "perhaps" if row % 10 == 0 else "yes",
        fine=lambda row: "" if row < 2 else row,  # one in a hundred
    )
    assert "  new_device: 100.0 % of its values are not numeric; is it boolean or categorical?" in lines
    assert "  age: 2.5 % of its values are missing, 49.0 % of its values are out of range" in lines
    assert "  empty: 100.0 % of its values are missing; is this its name?" in lines
    assert "  member: 10.0 % of its values are not true or false; is it categorical?" in lines
    assert not [line for line in lines if line.strip().startswith("fine")]
