"""Rows that level 1 picks out of all rows of a pane, since a sample would miss most of them: by rule, and complaints.

Of each kind it keeps a bottom-k by the hash of the prediction id, k being `label_requests.per_pane`: no more can be
asked for. Like any sample, they merge exactly, and a row is in one whatever order the rows came in.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from detectors.layout import Layout
from detectors.row_shape import Columns
from detectors.rule import Places, Rows
from schemas.expression import Expression, names_of
from schemas.rule import parse
from schemas.spec import ModelSpec

Mask = npt.NDArray[np.bool_]

COMPLAINTS = "complaints"
"""Of a label pane: rows with a bad rating and no word of what would have been right."""

_KEPT = "picking_plan"


def rules_of(spec: ModelSpec) -> list[str]:
    """Return the names of the rules that rows of a traffic pane are picked by; they name its picks."""
    return [rule.name for rule in spec.label_requests.rules] if spec.label_requests.per_pane else []


def picked_by_rules(layout: Layout, columns: Columns) -> Iterator[tuple[str, Mask]]:
    """Yield of each rule its name and which rows it is true of (shape (rows,)); a row it cannot be told of is none."""
    plan = _plan_of(layout)
    if plan is not None:
        places, rules = plan
        rows = Rows(places, columns)
        for name, rule in rules:
            yield name, rows.judge(rule).yes


def picks_complaints(spec: ModelSpec) -> bool:
    """Return whether complaints are picked: the strategy `errors` asks for them."""
    return bool(spec.label_requests.per_pane) and "errors" in spec.label_requests.strategies


def complaints(spec: ModelSpec, ratings: npt.NDArray[np.float64], labelled: Mask) -> Mask:
    """Return which feedback is a complaint that says nothing else. Shapes are (events,); a rating of NaN is none."""
    found: Mask = (ratings <= spec.complaint_rating) & ~labelled
    return found


_Plan = tuple[Places, list[tuple[str, Expression]]]


def _plan_of(layout: Layout) -> _Plan | None:
    """Return a layout's rules; they are read once, and go when the layout goes."""
    if _KEPT not in layout.__dict__:
        spec = layout.spec
        names = names_of({name: feature.type for name, feature in spec.features.items()}, spec.task)
        wanted = set(rules_of(spec))
        rules = [(rule.name, parse(rule.when, names)) for rule in spec.label_requests.rules if rule.name in wanted]
        layout.__dict__[_KEPT] = (Places(spec), rules) if rules else None
    plan: _Plan | None = layout.__dict__[_KEPT]
    return plan
