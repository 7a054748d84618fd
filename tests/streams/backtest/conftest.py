"""A monitor file with tables, as a person has one."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pytest
import yaml

from streams.build_reference import build_reference
from streams.files import load_spec
from tests.streams.backtest import streams_of_signs as world


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A monitor file with tables: ten good days, then twenty in a world turned over."""
    base = tmp_path_factory.mktemp("signs")
    for name, signs, seed in (("reference", [1] * 40, 1), ("stream", [1] * 10 + [-1] * 20, 2)):
        rows = world.table(world.spec(), signs, seed)
        columns = {
            "id": rows["prediction_id"],
            "time": pa.array([one.isoformat() for one in rows["time"].to_pylist()]),
            "x": rows["feature.x"],
            "group": rows["feature.group"],
            "said": rows["output_label"],
            "score": rows["output_score"],
            "truth": rows["label"],
        }
        pv.write_csv(pa.table(columns), base / f"{name}.csv")
    said = {"prediction_id": "id", "timestamp": "time", "label": "said", "score": "score"}
    model = world.spec(reference="profile.json").model_dump(mode="json", exclude_unset=True)
    model["retraining"]["policies"] = [{"type": "performance"}]
    files = {
        "reference": [{"path": "reference.csv", "columns": said | {"outcome": "truth"}}],
        "predictions": [{"path": "stream.csv", "columns": said}],
        "feedback": [{"path": "stream.csv", "columns": {"prediction_id": "id", "label": "truth"}, "delay": "1d"}],
    }
    path = base / "monitor.yaml"
    path.write_text(yaml.safe_dump({"models": {"m": model}, "files": files}, sort_keys=False))
    build_reference(load_spec(path), base)
    return path
