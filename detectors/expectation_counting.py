"""Counting expectations and producers: rows that break a rule, and defects by who produced the row.

The vector is changed in place, by integers: neither the order of rows nor how they are cut makes a difference.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.categories import Coding, coding_of
from detectors.layout import Counts, Layout
from detectors.quality_sections import section_of
from detectors.row_shape import Columns, RowShape
from detectors.rule import Places, Rows
from schemas.expression import Expression, names_of
from schemas.rule import parse

Floats = npt.NDArray[np.float64]

_KEPT = "expectation_plan"


def count_expectations(layout: Layout, counts: Counts, columns: Columns) -> None:
    """Add predictions to the vector of a traffic pane, as far as rules and producers are concerned."""
    plan = _plan_of(layout)
    if plan.rules:
        rows = Rows(plan.places, columns)
        for section, rule in plan.rules:
            yes, no = rows.judge(rule)
            failed = np.count_nonzero(no)
            counts[section.start] += failed
            counts[section.start + 1] += failed + np.count_nonzero(yes)
    if plan.producers is not None:
        _count_producers(layout, plan.producers, counts, columns)


@dataclass(frozen=True)
class _Producers:
    column: int
    coding: Coding
    others: list[tuple[int, Coding | None]]
    """Column and coding of the features that are neither numeric nor the producer; no coding: a text."""
    low: Floats
    high: Floats


@dataclass(frozen=True)
class _Plan:
    places: Places
    rules: list[tuple[slice, Expression]]
    producers: _Producers | None


def _plan_of(layout: Layout) -> _Plan:
    """Return what a layout's rules are; it is made once, and goes when the layout goes."""
    plan = layout.__dict__.get(_KEPT)
    if not isinstance(plan, _Plan):
        plan = layout.__dict__[_KEPT] = _make(layout)
    return plan


def _make(layout: Layout) -> _Plan:
    spec, sections = layout.spec, layout.families["traffic"].sections
    names = names_of({name: feature.type for name, feature in spec.features.items()}, spec.task)
    rules = {expectation.rule: parse(expectation.rule, names) for expectation in spec.expectations}
    counted = [(sections[section_of(text)], rule) for text, rule in rules.items()]
    return _Plan(Places(spec), counted, _producers(layout))


def _producers(layout: Layout) -> _Producers | None:
    spec, shape = layout.spec, RowShape(layout.spec)
    if spec.producer is None:
        return None
    names = list(spec.features)
    places = {names[position]: column for column, position in enumerate(shape.other)}
    ranges = np.array([layout.range_of(names[position]) for position in shape.numeric]).reshape(-1, 2)
    others = [
        (column, coding_of(layout, name) if name in layout.codes else None)
        for name, column in places.items()
        if name != spec.producer
    ]
    return _Producers(
        places[spec.producer], coding_of(layout, spec.producer), others, ranges[:, 0].copy(), ranges[:, 1].copy()
    )


def _count_producers(layout: Layout, plan: _Producers, counts: Counts, columns: Columns) -> None:
    numbers = columns.numbers[:, : len(plan.low)]
    sound = (numbers >= plan.low) & (numbers <= plan.high) & np.isfinite(numbers)
    defects = sound.shape[1] - sound.sum(axis=1)
    for column, coding in plan.others:
        values = columns.values[column]
        if coding is None:
            defects += np.fromiter((type(value) is not str for value in values), dtype=np.bool_, count=len(values))
        else:
            defects += coding.outcomes(values) >= coding.bins
    cells = plan.coding.cells(columns.values[plan.column])
    section = layout.families["traffic"].view(counts, "producers").reshape(2, -1)
    section[0] += np.bincount(cells, minlength=section.shape[1])
    np.add.at(section[1], cells, defects)
