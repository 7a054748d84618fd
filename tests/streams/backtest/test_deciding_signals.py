"""What a backtest leaves out of the monitor changes no decision."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from detectors.budget import Staking
from detectors.layouts import Layouts
from detectors.pane import ClosedPane
from detectors.signals.catalogue import signals_of
from detectors.summary import PaneKey
from schemas.policy_spec import SchedulePolicy
from schemas.reading import Family
from schemas.spec import ModelSpec
from streams.backtest.deciding_signals import deciding, kinds_of
from streams.backtest.monitored import Monitored, Told
from streams.backtest.simulated_panes import SimulatedPanes
from tests.streams.backtest import streams_of_signs as world
from tests.streams.backtest.streams_of_signs import A_DAY, spec, table

FAMILIES: tuple[Family, ...] = ("traffic", "label", "cohort")
SIGNS = [1] * 12 + [-1] * 20 + [1] * 8


def broken(model: ModelSpec, days: tuple[int, int] = (14, 20)) -> pa.Table:
    """Return a world that turns over twice, drifts at the first turn, and for some days after it loses a feature."""
    rows = table(model, SIGNS)
    day = np.arange(rows.num_rows) // A_DAY
    x = np.array(rows["feature.x"].to_pylist()) + np.where(day >= SIGNS.index(-1), 0.5, 0.0)
    lost = (day >= days[0]) & (day < days[1])
    column = rows.schema.get_field_index("feature.x")
    return rows.set_column(column, "feature.x", pa.array(x, pa.float64(), mask=lost))


def triggers(model: ModelSpec, rows: pa.Table, *, whole: bool) -> tuple[list[Told], list[tuple[int, str]]]:
    candidates = world.candidates(model, rows)
    layouts = Layouts({"m": model}, {"m": world.layouts(model).profiles("m")})
    run = Monitored(candidates, model, layouts, SimulatedPanes(candidates, sampled=model.challenger), whole=whole)
    course = run.run()
    return run.triggers, [(done.point, done.came) for done in course.retrainings]


ALL_OF = {"type": "all", "of": [{"type": "performance"}, {"type": "drift"}]}


@pytest.mark.parametrize(
    ("policies", "challenger"),
    [
        ([{"type": "cost"}], True),
        ([{"type": "cost"}], False),
        ([{"type": "performance"}], False),
        ([{"type": "performance", "floor": 0.2, "over": 200}], False),
        ([{"type": "drift", "features": 1}], False),
        ([{"type": "schedule", "every_labels": 500}], False),
        ([ALL_OF, {"type": "cost"}], False),
    ],
    ids=["cost, challenger", "cost", "performance", "floor", "drift", "schedule", "tree"],
)
def test_the_same_triggers_to_the_id_with_and_without_what_is_left_out(policies: list[Any], challenger: bool):
    model = spec(challenger=challenger, retraining={"minimum_labels": 100, "cooldown": "3d", "policies": policies})
    rows = broken(model)
    told, courses = triggers(model, rows, whole=False)
    assert (told, courses) == triggers(model, rows, whole=True)
    assert told


def test_broken_data_still_holds_triggers_back():
    """Without that, the comparison above would say nothing of alarms of quality."""
    model = spec(retraining={"minimum_labels": 100, "cooldown": "3d", "policies": [{"type": "cost"}]})
    early = triggers(model, broken(model, (0, 0)), whole=False)[0][0]
    assert triggers(model, broken(model), whole=False)[0][0].moment > early.moment


def test_every_alarm_of_data_quality_is_kept_whatever_the_policy():
    """Of each signal that stakes alarms, what it reads says its tier."""
    model = spec(expectations=[{"name": "sane", "dimension": "accuracy", "rule": "x < 100"}])
    layout = world.layouts(model).of("m", "1")
    signals = signals_of(layout)
    kept = deciding(signals, [SchedulePolicy(type="schedule", every_labels=100)])
    found = 0
    for signal in signals:
        tiers = {
            finding.reading.tier
            for family in FAMILIES
            if family in signal.families
            for finding in signal.read(_empty(layout, family))
        }
        alarms = isinstance(signal, Staking) and any(severity == "alarm" for severity, _ in signal.stakes)
        if alarms and "quality" in tiers:
            found += 1
            assert signal in kept, type(signal).__name__
    assert found > len(model.features)


def test_combined_policies_are_looked_into():
    model = spec(retraining={"policies": [{"type": "any", "of": [ALL_OF, {"type": "cost"}]}]})
    assert kinds_of(model.retraining.policies) >= {"performance", "drift", "cost"}


def _empty(layout: Any, family: Family) -> ClosedPane:
    counts = np.zeros(layout.families[family].size, dtype=np.int64)
    return ClosedPane(PaneKey("m", "1", family, world.BEGIN), layout, counts, [], True)
