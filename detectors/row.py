"""`Row`: a prediction as level 1 keeps it: features in the order of the monitor file, output flattened."""

import math

import msgspec
import numpy as np

from detectors.state_classes import register
from detectors.uncertainty import uncertainty
from schemas.event_time import Micros, to_micros
from schemas.prediction import FeatureValue, Prediction
from schemas.spec import ModelSpec

TEXT_KEPT = 2_000  # characters of generated text that a label request may show


@register
class Row(msgspec.Struct, array_like=True, gc=False):
    """One accepted prediction. Packed with msgpack, it is what the join keeps and what a sample holds."""

    time: Micros
    id: str
    features: list[FeatureValue]
    label: str | None = None
    """Predicted class."""
    score: float | None = None
    """Binary: probability of the positive label. Multiclass: probability of the predicted class."""
    value: float | None = None
    text: str | None = None
    text_length: int = 0
    latency_ms: float | None = None
    unexpected: bool = False
    """The event had features that the monitor file does not name."""
    extras: tuple[float | None, ...] = ()
    """What `detectors.row_shape.RowShape` has between features and output; empty where none of it is known."""


@register
class Label(msgspec.Struct, array_like=True, gc=False):
    """What became known about a row, and when."""

    time: Micros
    label: str | None = None
    value: float | None = None
    rating: float | None = None
    corrects: bool = False
    """The label says what the answer should have been."""
    by_user: bool = False
    """A user says the label; or it corrects, whoever says so."""
    later: bool = False
    """It corrects a row that was judged by what was said before: that stays, and this has no loss."""
    chosen: bool = False
    """Curation asked for it, and not by chance (`detectors.chosen_labels`)."""


def task_problem(prediction: Prediction, spec: ModelSpec) -> str | None:
    """Return why the output does not fit the task of the model, or None."""
    output = prediction.output
    if spec.task == "binary" and output.label is None and output.score is None:
        return "output: a binary task needs label or score"
    if spec.task == "multiclass" and output.label is None and output.probabilities is None:
        return "output: a multiclass task needs label or probabilities"
    if spec.task == "regression" and output.value is None:
        return "output: a regression task needs value"
    if spec.task == "text" and output.text is None:
        return "output: a text task needs text"
    return None


def row_of(prediction: Prediction, spec: ModelSpec) -> Row:
    """Return the row of a prediction whose output fits the task (`task_problem`), normalised: see `RowShape`."""
    output, features = prediction.output, prediction.features
    row = Row(
        time=to_micros(prediction.timestamp),
        id=prediction.prediction_id,
        features=[
            as_number(features.get(name)) if feature.type == "numeric" else _packable(features.get(name))
            for name, feature in spec.features.items()
        ],
        latency_ms=as_number(prediction.latency_ms),
        unexpected=any(name not in spec.features for name in features),
    )
    if spec.task == "regression":
        row.value = as_number(output.value)
    elif spec.task == "text":
        row.text, row.text_length = (output.text or "")[:TEXT_KEPT], len(output.text or "")
    else:
        row.label, score = output.label, output.score
        if spec.task == "multiclass" and output.probabilities:
            if row.label is None:
                row.label = max(sorted(output.probabilities), key=output.probabilities.__getitem__)
            score = output.probabilities.get(row.label)
        elif spec.task == "binary" and row.label is None and score is not None:
            row.label = spec.label_at(score)
        row.score = as_number(score)
    row.extras = _extras(prediction, spec)
    return row


def as_number(value: FeatureValue) -> float | None:
    """Return a value as a finite float with one zero, or infinity for what is none; None is missing."""
    if value is None:
        return None
    if type(value) not in (int, float):
        return math.inf
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    return number + 0.0 if math.isfinite(number) else math.inf


def _extras(prediction: Prediction, spec: ModelSpec) -> tuple[float | None, ...]:
    extras = [as_number(prediction.scores.get(name)) for name in spec.scores]
    if spec.task == "multiclass":
        shares = list((prediction.output.probabilities or {}).values())
        found = uncertainty(np.array([shares], dtype=np.float64)).ravel().tolist()
        extras += [None if math.isnan(number) else number for number in found]
    return () if extras.count(None) == len(extras) else tuple(extras)


def _packable(value: FeatureValue) -> FeatureValue:
    if type(value) is int and not -(2**63) <= value < 2**63:
        return math.inf if value > 0 else -math.inf  # no 64-bit number: counted as invalid, as infinities are
    return value
