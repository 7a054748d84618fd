"""The mean cost of a prediction is told by the declared matrix, and judged beside the loss within its weight."""

import numpy as np
import pytest

from detectors.costs import cost_sum, costed
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.signals.catalogue import settings_of, signals_of
from detectors.signals.cost import Cost
from detectors.signals.loss import Loss

from ..builders import START, LabelledRow, days, layout_of, model_spec, pane_of, panes_of, profile_of, read

COSTS = {"matrix": {"yes": {"no": 10.0}, "no": {"yes": 2.0}}}


def priced(**settings: object) -> Layout:
    spec = model_spec(costs=COSTS, **settings)
    return layout_of(spec, profile_of(spec))


def pane_with(layout: Layout, pairs: list[tuple[str, str | None]]) -> ClosedPane:
    rows: list[LabelledRow] = [
        (Row(START, str(i), [None] * 4, label=said), None if truth is None else Label(START, truth))
        for i, (said, truth) in enumerate(pairs)
    ]
    return pane_of(layout, "cohort", rows)


def test_the_cost_is_that_of_the_matrix_by_actual_and_predicted_class() -> None:
    layout = priced()
    pairs = [("yes", "yes")] * 5 + [("no", "yes")] * 2 + [("yes", "no")] * 3
    (finding,) = read(Cost(layout, 0.1), [pane_with(layout, pairs)])
    assert finding.reading.value == pytest.approx((2 * 10 + 3 * 2) / 10)
    assert (finding.reading.signal, finding.reading.tier, finding.reading.status) == ("cost", "performance", "ok")


def test_multiclass_rows_whose_class_nobody_named_are_left_out() -> None:
    spec = model_spec("multiclass", classes=["low", "middle", "high"], costs={"matrix": {"high": {"low": 4.0}}})
    layout = layout_of(spec, profile_of(spec))
    pairs = [("low", "high")] * 2 + [("low", "low")] * 2 + [("other", "high")] * 3
    assert cost_sum(layout, pane_with(layout, pairs).counts) == (4, 8.0)


def test_moments_are_exact() -> None:
    layout = priced()
    found = costed(layout, pane_with(layout, [("no", "yes")] * 3 + [("yes", "no")] * 5 + [("no", "no")] * 2).counts)
    assert found is not None
    scaled = np.array([1.0] * 3 + [0.2] * 5 + [0.0] * 2)
    assert (found.n, found.total, found.squares) == pytest.approx((10, scaled.sum(), (scaled**2).sum()))


def test_costlier_mistakes_alarm_though_the_error_rate_stays() -> None:
    layout = priced()
    signal = Cost(layout, 0.125)
    spec = layout.spec
    calm = read(signal, panes_of(layout, days(spec, 40, seed=1), maturity_only=True))
    assert {one.reading.status for one in calm} == {"ok"}
    turned = days(spec, 30, first=40)
    for row, label in turned:  # as many errors, but all of them the dear one
        if row.label != label.label:
            row.label, label.label = "no", "yes"
    firing = next(one.firing for one in read(signal, panes_of(layout, turned, maturity_only=True)) if one.firing)
    assert firing.severity == "alarm"
    assert firing.value > firing.baseline > firing.reference
    assert firing.weight == 0.125


def test_a_profile_from_before_the_matrix_is_not_judged_by() -> None:
    spec = model_spec(costs=COSTS)
    layout = layout_of(spec, profile_of(model_spec()))
    (finding,) = read(Cost(layout, 0.1), [pane_of(layout, "cohort", days(spec, 1))])
    assert (finding.reading.status, finding.firing) == ("unknown", None)
    assert "costs.matrix; build it again" in (finding.reading.reason or "")


def test_too_few_labels_are_unknown() -> None:
    layout = priced()
    (finding,) = read(Cost(layout, 0.1), [pane_with(layout, [("no", "yes")] + [("no", None)] * 9)])
    assert finding.reading.status == "unknown"
    assert "label_coverage" in (finding.reading.reason or "")


def test_cost_and_loss_share_the_weight_of_performance() -> None:
    def staked(layout: Layout) -> dict[str, float]:
        found = {type(one).__name__: one._weight for one in signals_of(layout) if isinstance(one, Cost)}
        overall = [one for one in signals_of(layout) if isinstance(one, Loss) and "cohort" in one.families]
        return found | {"Loss": overall[0]._weight}

    weight = model_spec().weights.performance
    assert staked(priced()) == {"Cost": weight / 2, "Loss": weight / 2}
    plain = model_spec()
    assert staked(layout_of(plain, profile_of(plain))) == {"Loss": weight}


def test_another_matrix_makes_signals_begin_anew_and_another_price_does_not() -> None:
    profile = profile_of(model_spec(costs=COSTS))
    specs = [model_spec(costs=costs) for costs in (COSTS, COSTS | {"loss": 3.0}, {"matrix": {"yes": {"no": 11.0}}})]
    first, priced_too, other = (settings_of(layout_of(spec, profile)) for spec in specs)
    assert first == priced_too != other
