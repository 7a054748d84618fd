"""The simulation against the product: as long as nothing was retrained, both see the same stream."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pytest
import yaml

from schemas.archive_spec import ArchiveSpec
from streams.backtest.candidates import Candidates
from streams.backtest.decision_points import decision_points
from streams.backtest.history import History
from streams.backtest.history_tables import rows_of_tables
from streams.backtest.monitored import Monitored
from streams.backtest.prices import prices_of
from streams.backtest.run import archived_rows
from streams.backtest.simulated_panes import SimulatedPanes
from streams.build_reference import build_reference
from streams.errors import UserError
from streams.files import load_layouts, load_spec
from streams.replay import replay
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


def test_the_first_trigger_is_that_of_a_replay(monitor: Path, tmp_path: Path):
    spec = load_spec(monitor)
    replay(spec, monitor.parent, tmp_path / "out")
    first = json.loads((tmp_path / "out" / "triggers.jsonl").read_text().splitlines()[0])
    layouts = load_layouts(spec, monitor.parent)
    history = History("m", spec.models["m"], rows_of_tables(spec, monitor.parent, "m", layouts))
    points = decision_points(history)
    prices = prices_of(spec.models["m"], layouts.of("m", "1"), history)
    candidates = Candidates(history, points, prices, world.learn, 0.2)
    run = Monitored(candidates, spec.models["m"], layouts, SimulatedPanes(candidates, sampled=True))
    course = run.run()
    assert run.triggers[0].id == first["id"]
    assert run.triggers[0].reason == first["reason"]
    assert course.retrainings[0].came == "served"
    assert (
        course.losses_of(history.labelled.nonzero()[0][-80:]).mean() < 0.2
    )  # its answers are the stream's from then on


def test_the_archive_tells_the_same_history_as_the_tables(monitor: Path, tmp_path: Path):
    tables = load_spec(monitor)
    spec = tables.model_copy(update={"archive": ArchiveSpec(url=str(tmp_path / "archive"))})
    replay(spec, monitor.parent, tmp_path / "out")
    archived = History("m", spec.models["m"], archived_rows(spec, monitor.parent, "m"))
    layouts = load_layouts(spec, monitor.parent)
    told = History("m", spec.models["m"], rows_of_tables(spec, monitor.parent, "m", layouts))
    rows = len(archived)  # cohorts that are over
    assert 0 < rows <= len(told)
    for name in ("times", "losses", "known", "hashes", "truth_keys", "numbers"):
        assert np.array_equal(getattr(archived, name), getattr(told, name)[:rows], equal_nan=name != "hashes"), name
    assert archived.features(np.arange(9)) == told.features(np.arange(9))
    with pytest.raises(UserError, match="no 'archive:'"):
        archived_rows(tables, monitor.parent, "m")


def test_tables_become_rows_of_the_archive(monitor: Path):
    spec = load_spec(monitor)
    rows = rows_of_tables(spec, monitor.parent, "m", load_layouts(spec, monitor.parent))
    wanted = world.table(world.spec(), [1] * 10 + [-1] * 20, 2)
    for name in ("prediction_id", "time", "feature.x", "feature.group", "output_label", "label", "label_time"):
        assert rows[name].to_pylist() == wanted[name].to_pylist(), name
