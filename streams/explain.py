"""`streamgauge explain`: what a model goes by, feature by feature, in its reference and now; and where that is weak."""

import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.signals.loss import NAMES
from detectors.signals.top_bottom import FEWEST, TWO_SIDED
from detectors.top_bottom import Order, Separation, split
from schemas.spec import ModelSpec, MonitorSpec
from streams import explained_rows
from streams.errors import UserError
from streams.explained_rows import Labelled
from streams.importance import Answers, Importance, Surrogate, ablated, mean_loss, permuted
from streams.known_model import known_model
from streams.prediction_function import PredictionFunction
from streams.report_text import clean

Method = Literal["top-bottom", "permutation", "ablation"]

MOST_PERMUTED = 500  # rows of either; a surrogate answers each of them five times for each feature
MOST_ABLATED = 3_000  # the newest of either; a challenger learns them once for each feature
FEWEST_ROWS = 30

MEANING: dict[Method, str] = {
    "top-bottom": "Cliff's delta of a feature between the highest and the lowest tenth of the scores, from -1 to 1",
    "permutation": "Rise of the mean loss when the values of the feature are dealt anew among the rows",
    "ablation": "Rise of the mean loss of a challenger that learns without the feature",
}
WEAKNESS: dict[Method, str] = {
    "top-bottom": "It looks at one feature at a time: features that go together separate alike, whichever of them the "
    "model goes by; and it says nothing of what sets scores in the middle apart.",
    "permutation": "Dealing one feature anew makes rows that cannot be, and a model may answer those anyhow; of "
    "features that go together each covers for the other, so that both look unimportant.",
    "ablation": "It says what a challenger of these rows loses, not what the model goes by; of features that go "
    "together either can be left out at no loss.",
}


@dataclass
class Side:
    """One set of rows: the reference, or the newest ones."""

    rows: int
    loss: float | None = None
    features: dict[str, Importance] = field(default_factory=dict)


@dataclass
class Explanation:
    """What a method says of a model."""

    model: str
    version: str | None
    method: Method
    weakness: list[str]
    sides: dict[str, Side]
    """By `reference` and `now`, where there are rows of it."""
    fidelity: float | None = None
    """How well the surrogate answers as the model does."""


def explain(
    spec: MonitorSpec, base: Path, model: str, method: Method, *, predict: str | None = None, as_json: bool = False
) -> None:
    """Print what `method` says of each feature of a model.

    Parameters
    ----------
    predict
        module:function that answers as the model does (permutation); without it a surrogate stands in.

    Raises
    ------
    UserError
        When there is no such model, nothing to explain it by, or `predict` does not answer.
    """
    settings = known_model(spec, model)
    if settings.task == "text":
        raise UserError(f"models.{model}: a text model has no score and no class to explain by its features")
    if predict is not None and method != "permutation":
        raise UserError(f"--predict: --method {method} calls no model; it goes with --method permutation")
    function = None if predict is None else PredictionFunction(predict, settings, base)
    notes: dict[str, None] = {}
    version, now = explained_rows.newest(spec, base, model)
    parts = {"reference": explained_rows.reference(spec, base, model, notes.setdefault), "now": now}
    parts = {name: rows for name, rows in parts.items() if len(rows) >= FEWEST_ROWS}
    if not parts:
        raise UserError(
            f"files: fewer than {FEWEST_ROWS} labelled rows of {model}, in the reference tables and in those of the "
            "stream; give tables with predictions and their outcomes"
        )
    if method == "top-bottom":
        found = _top_bottom(model, settings, parts)
    elif method == "permutation":
        found = _permutation(model, settings, parts, function)
    else:
        found = _ablation(model, settings, parts)
    found.version = version
    if as_json:
        sys.stdout.write(json.dumps(_plain(found), indent=2, allow_nan=False) + "\n")
    else:
        _print(Console(), found, settings, list(notes))


def _top_bottom(model: str, settings: ModelSpec, parts: dict[str, Labelled]) -> Explanation:
    if "reference" not in parts:
        raise UserError("files.reference: top-bottom analysis compares with the deciles of the reference; name a table")
    try:
        profile = build_profile(model, None, settings, parts["reference"])
    except ValueError as error:
        raise UserError(f"files.reference: {model}: {error}") from None
    if profile.tails is None:
        raise UserError(
            f"files.reference: {model}: predictions without scores, or all with one, have no top and bottom"
        )
    order = Order(Layout(model, "", settings, profile), profile.tails)
    sides = {}
    for name, rows in parts.items():
        ends = split(order.layout, profile.tails, [row for row, _ in rows])
        bottom, top = (order.codes.of(end) for end in ends)
        if min(len(bottom), len(top)) >= FEWEST:
            separations = zip(order.names, order.of(bottom, top), strict=True)
            sides[name] = Side(len(rows), None, {name: _with_interval(each) for name, each in separations})
    return Explanation(model, None, "top-bottom", [WEAKNESS["top-bottom"]], sides)


def _with_interval(found: Separation) -> Importance:
    if not math.isfinite(found.error):
        return Importance(math.nan, math.nan, math.nan)
    reach = TWO_SIDED * found.error
    return Importance(found.delta, max(-1.0, found.delta - reach), min(1.0, found.delta + reach))


def _permutation(
    model: str, settings: ModelSpec, parts: dict[str, Labelled], function: PredictionFunction | None
) -> Explanation:
    weakness = [WEAKNESS["permutation"], "The interval says how much the deal matters, not how much the rows do."]
    fidelity: float | None = None
    answers: Answers
    if function is not None:
        answers = function
    else:
        answers = surrogate = Surrogate(settings, [row for row, _ in explained_rows.all_of(*parts.values())])
        fidelity = surrogate.fidelity
        weakness.append(
            "This explains a surrogate that was fitted to the model's answers; give --predict to call the model itself."
        )
    sides = {}
    for name, rows in parts.items():
        few = min(len(rows), MOST_PERMUTED)
        some = [rows[i * len(rows) // few] for i in range(few)]
        loss = mean_loss(settings, some, answers([row.features for row, _ in some]))
        sides[name] = Side(len(some), loss, permuted(settings, some, answers))
    return Explanation(model, None, "permutation", weakness, sides, fidelity)


def _ablation(model: str, settings: ModelSpec, parts: dict[str, Labelled]) -> Explanation:
    sides = {}
    for name, rows in parts.items():
        some = rows[-MOST_ABLATED:]
        loss, features = ablated(settings, some)
        sides[name] = Side(len(some), loss, features)
    return Explanation(model, None, "ablation", [WEAKNESS["ablation"]], sides)


def moved(found: Explanation, feature: str) -> bool:
    """Return whether the intervals of reference and now lie apart."""
    sides = [side.features.get(feature) for side in found.sides.values()]
    if len(sides) < 2 or any(each is None or math.isnan(each.value) for each in sides):
        return False
    first, second = sides
    assert first is not None
    assert second is not None
    return first.high < second.low or second.high < first.low


def _features(found: Explanation) -> list[str]:
    """Return the features, those that matter most in the last set of rows first."""
    last = list(found.sides.values())[-1].features
    return sorted(last, key=lambda name: (math.isnan(last[name].value), -abs(last[name].value), name))


def _plain(found: Explanation) -> dict[str, Any]:
    return {
        "model": found.model,
        "version": found.version,
        "method": found.method,
        "meaning": MEANING[found.method],
        "weakness": found.weakness,
        "surrogate_fidelity": _number(found.fidelity),
        "rows": {name: side.rows for name, side in found.sides.items()},
        "loss": {name: _number(side.loss) for name, side in found.sides.items()},
        "features": [
            {
                "feature": feature,
                **{
                    name: {part: _number(value) for part, value in side.features[feature]._asdict().items()}
                    for name, side in found.sides.items()
                },
                "moved": moved(found, feature),
            }
            for feature in _features(found)
        ],
    }


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _print(console: Console, found: Explanation, settings: ModelSpec, notes: list[str]) -> None:
    version = f", version {found.version} now" if found.version else ""
    title = f"{found.model}{version}: {found.method}"
    console.print(clean(title), highlight=False, markup=False)
    console.print(f"{MEANING[found.method]}.", highlight=False, markup=False)
    for name, side in found.sides.items():
        loss = "" if side.loss is None else f", {NAMES[settings.task].replace('_', ' ')} {side.loss:.4g}"
        console.print(f"{name}: {side.rows:,} labelled rows{loss}", highlight=False, markup=False)
    if found.fidelity is not None:
        words = "R² of its numbers" if settings.task == "regression" else "share of equal answers"
        console.print(f"surrogate: {words} {found.fidelity:.3f}", highlight=False, markup=False)
    table = Table("feature", *found.sides, "", box=None, pad_edge=False)
    for feature in _features(found):
        cells = [_cell(side.features[feature]) for side in found.sides.values()]
        table.add_row(clean(feature), *cells, "moved" if moved(found, feature) else "")
    console.print(table, highlight=False, markup=False)
    for text in [*found.weakness, *notes]:
        console.print(f"Note: {clean(text)}", highlight=False, markup=False)


def _cell(found: Importance) -> str:
    if math.isnan(found.value):
        return "not known"
    return f"{found.value:+.3g} ({found.low:+.3g} to {found.high:+.3g})"
