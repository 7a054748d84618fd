"""Labels that curation chose are told apart, exactly, and left out of what the monitor says of all rows."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from detectors.chosen_labels import chooses
from detectors.curation.coverage import coverage
from detectors.history import History
from detectors.label_counting import count_cohort_labels, count_labels, label_columns
from detectors.layout import Layout
from detectors.merge import Panes, Watermark
from detectors.pane import ClosedPane
from detectors.signals.detected_loss import DetectedLoss
from detectors.signals.labels import Coverage, LabelDelay
from detectors.signals.loss import losses
from detectors.summary import PaneSummary
from detectors.version_losses import VersionLosses
from schemas.detector_spec import AdwinSpec
from schemas.reading import Family

from .builders import (
    TASKS,
    LabelledRow,
    days,
    key_of,
    layout_of,
    layouts_of,
    model_spec,
    profile_of,
    read,
    summary_of,
)

ASKS: dict[str, Any] = {"label_requests": {"strategies": ["rare"]}}
SPEC = model_spec(segments=["region"], label_coverage=0.1, **ASKS)
PROFILE = profile_of(SPEC)
LAYOUT = layout_of(SPEC, PROFILE)


def rows_of(
    layout: Layout, own: int, chosen: int, unlabelled: int, *, seed: int = 0, hard: float = 1.0
) -> list[LabelledRow]:
    """Rows of one pane: with labels of their own, chosen for being wrong, and without; in no order."""
    rng = random.Random(seed)
    count = own + chosen + unlabelled
    pairs = days(layout.spec, 1, rows=count, seed=seed, error=0.1)
    wrong = days(layout.spec, 1, rows=count, seed=seed, error=hard)
    found: list[LabelledRow] = []
    for place, (row, label) in enumerate(pairs):
        if place < own:
            found.append((row, label))
        elif place < own + chosen:
            row, label = wrong[place]
            found.append((row, msgspec.structs.replace(label, chosen=True)))
        else:
            found.append((row, None))
    rng.shuffle(found)
    return found


def closed(table: Panes, summaries: Sequence[PaneSummary]) -> list[ClosedPane]:
    """What becomes of summaries, one of each partition, once all is complete."""
    for partition, summary in enumerate(summaries):
        table.add(partition, (1, 1), summary, partition, fresh=True)
        table.advance(partition, len(summaries), Watermark(summary.key.due(LAYOUT.spec), False))
    return list(table.close())


def one(family: Family, rows: list[LabelledRow], layout: Layout = LAYOUT) -> ClosedPane:
    table = Panes(layout.spec, layouts_of(layout.spec, layout.profile))
    summary = summary_of(layout, key_of(family), rows)
    (pane,) = closed(table, [summary])
    return pane


@pytest.mark.parametrize("task", TASKS)
def test_a_layout_knows_nothing_of_requests(task: str) -> None:
    plain, asking = (model_spec(task, segments=["region"], **more) for more in ({}, ASKS))
    profile = profile_of(plain)
    one, other = layout_of(plain, profile), layout_of(asking, profile)
    assert one.fingerprint == other.fingerprint
    assert one.families == other.families


@pytest.mark.parametrize(
    ("requests", "answer"),
    [
        ({}, False),
        ({"strategies": ["random"]}, False),
        ({"strategies": ["random", "rare"]}, True),
        ({"strategies": ["uncertainty"], "per_pane": 0}, False),
        ({"rules": [{"name": "large", "when": "income > 100"}]}, True),
    ],
)
def test_only_strategies_and_rules_choose(requests: dict[str, Any], answer: bool) -> None:
    assert chooses(model_spec(label_requests=requests)) is answer


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", ["cohort", "label"])
def test_what_is_left_is_what_the_others_say_to_the_last_bit(task: str, family: Family) -> None:
    spec = model_spec(task, segments=["region"], **ASKS)
    layout = layout_of(spec, profile_of(spec))
    rows = rows_of(layout, 20, 25, 55)
    pane = one(family, rows, layout=layout)
    assert pane.left_out == 25
    kept = [(row, label) for row, label in rows if label is not None and not label.chosen]
    expected = np.zeros_like(pane.counts)
    add = count_cohort_labels if family == "cohort" else count_labels
    add(layout, expected, label_columns(layout, kept))
    told = {"n", "delay", "timely"} | {name for name in layout.families[family].sections if "_n:" in name}
    told |= {name for name in layout.families[family].sections if "_positive:" in name}
    for name in layout.families[family].sections.keys() - told:
        view = layout.families[family].view
        assert view(pane.counts, name).tolist() == view(expected, name).tolist(), name
    assert pane.n == (100 if family == "cohort" else 45)


@pytest.mark.parametrize("family", ["cohort", "label"])
def test_three_partitions_say_what_one_says(family: Family) -> None:
    rows = rows_of(LAYOUT, 20, 25, 55)
    whole = one(family, rows)
    parts = [summary_of(LAYOUT, key_of(family), rows[place::3]) for place in range(3)]
    parts += [summary_of(LAYOUT, key_of(family), [])]  # one that has seen nothing chosen
    (pane,) = closed(Panes(SPEC, layouts_of(SPEC, PROFILE)), parts)
    assert pane.counts.tolist() == whole.counts.tolist()
    assert (pane.left_out, pane.sample) == (whole.left_out, whole.sample)
    assert parts[0].chosen is not None
    assert parts[0].chosen.sum() < sum(part.chosen.sum() for part in parts[:3] if part.chosen is not None), (
        "what a partition sent is not changed by merging"
    )


def test_what_came_by_itself_of_chosen_rows_counts_where_it_became_known() -> None:
    """Level 1 takes it from the chosen ones: of a pane that has none of these, fewer than nothing is left out."""
    own, again = rows_of(LAYOUT, 20, 0, 0), rows_of(LAYOUT, 5, 0, 0, seed=1)
    summary = summary_of(LAYOUT, key_of("label"), own)
    summary.chosen = -summary_of(LAYOUT, key_of("label"), again).counts
    (pane,) = closed(Panes(SPEC, layouts_of(SPEC, PROFILE)), [summary])
    both = summary_of(LAYOUT, key_of("label"), [*own, *again])
    view = LAYOUT.families["label"].view
    for name in ("losses", "loss_sums", "outcomes"):
        assert pane.view(name).tolist() == view(both.counts, name).tolist()
    assert (pane.n, pane.left_out) == (20, 0)


def test_chosen_counts_of_another_length_are_no_summary() -> None:
    whole = summary_of(LAYOUT, key_of("cohort"), rows_of(LAYOUT, 20, 25, 55))
    odd = summary_of(LAYOUT, key_of("cohort"), rows_of(LAYOUT, 20, 25, 55, seed=1))
    odd.chosen = np.zeros(3, dtype=np.int64)
    (pane,) = closed(Panes(SPEC, layouts_of(SPEC, PROFILE)), [whole, odd])
    assert pane.mismatched == 1
    assert pane.n == 100


def test_chosen_answers_do_not_make_a_few_complaints_speak_for_all() -> None:
    """Three users complain, forty rows are chosen: labels of 43 % of the rows, and what is judged is 3 % of them."""
    pane = one("cohort", rows_of(LAYOUT, 3, 40, 57))
    (coverage_,) = read(Coverage(), [pane])
    assert coverage_.reading.value == pytest.approx(0.03)
    assert coverage_.reading.reason == "label coverage: 3 of 100 rows; label_coverage asks for 0.1"
    assert coverage_.reading.detail == "without 40 labelled rows that curation chose"
    loss = next(iter(read(losses(LAYOUT)[0], [pane])))
    assert (loss.reading.status, loss.reading.n) == ("unknown", 3)


def test_the_loss_is_that_of_the_rows_that_count() -> None:
    pane = one("cohort", rows_of(LAYOUT, 40, 40, 20))
    loss = next(iter(read(losses(LAYOUT)[0], [pane])))
    assert (loss.reading.status, loss.reading.n) == ("ok", 40)
    assert loss.reading.value is not None
    assert loss.reading.value < 0.25
    assert pane.estimating == [each for each in pane.sample if each.label is None or not each.label.chosen]


def test_delays_are_those_of_all_labels() -> None:
    rows = rows_of(LAYOUT, 10, 20, 0)
    delays = [found.reading.n for found in read(LabelDelay(), [one("label", rows)])]
    assert delays == [30, 30]


def test_a_training_can_learn_from_what_an_estimate_leaves_out() -> None:
    history = History()
    history.add(one("cohort", rows_of(LAYOUT, 30, 20, 50)))
    (cohort,) = history.cohorts
    assert (cohort.labelled, cohort.left_out, cohort.trainable) == (30, 20, 50)


def test_coverage_asks_by_all_labels() -> None:
    def asked(chosen: int) -> list[float | None]:
        layout = layout_of(model_spec(label_coverage=0.5, **ASKS), PROFILE)
        pane = one("cohort", rows_of(layout, 10, chosen, 90 - chosen), layout=layout)
        assert pane.left_out == chosen
        return [wanted.probability for wanted in coverage(pane, lambda _: False, lambda _: True)]

    assert asked(40) == [], "half of the rows have a label"
    assert asked(20) == [20 / 70] * 20, "drawn from the rows that have none"


def test_rows_that_are_looked_at_singly_are_those_that_count() -> None:
    rows = rows_of(LAYOUT, 30, 20, 50)
    cohort = VersionLosses.of(one("cohort", rows))
    assert (cohort.labelled, len(cohort.ids)) == (30, 30)
    chosen = {row.id for row, label in rows if label is not None and label.chosen}
    assert not chosen & set(cohort.ids)
    (found,) = DetectedLoss(AdwinSpec(type="adwin"), None, 0).read(one("label", rows))
    assert found.reading.n == 30
