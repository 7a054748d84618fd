"""The simulation against the product: as long as nothing was retrained, both see the same stream."""

import json
from pathlib import Path

import numpy as np
import pytest

from schemas.archive_spec import ArchiveSpec
from streams.backtest.candidates import Candidates
from streams.backtest.decision_points import decision_points
from streams.backtest.history import History
from streams.backtest.history_tables import rows_of_tables
from streams.backtest.monitored import Monitored
from streams.backtest.prices import prices_of
from streams.backtest.run import archived_rows
from streams.backtest.simulated_panes import SimulatedPanes
from streams.errors import UserError
from streams.files import load_layouts, load_spec
from streams.replay import replay
from tests.streams.backtest import streams_of_signs as world


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
