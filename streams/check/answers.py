"""What a model answers, as tests ask for it: its class, its level, its loss, and what is wrong with an answer."""

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from detectors.losses import losses_of
from detectors.row import Label, Row
from schemas.contract import normalise_label
from schemas.spec import ModelSpec
from streams.errors import UserError
from streams.trainer import Features, FittedModel, ModelOutput

Floats = npt.NDArray[np.float64]

WHOLE = 1e-6  # how far probabilities may sum to something else than 1: 32-bit numbers of many classes do


class Unanswered(Exception):
    """A model raised an error, or answered another number of rows than it was asked about."""


def ask(model: FittedModel, features: Features) -> list[ModelOutput]:
    """Return a model's answers.

    Raises
    ------
    Unanswered
        Whatever the model raised, or when it did not answer each row.
    """
    if not features:
        return []
    try:
        outputs = list(model.outputs(features))
    except UserError as error:
        raise Unanswered(str(error)) from error
    except Exception as error:  # somebody's code: anything
        raise Unanswered(f"{type(error).__name__}: {error}") from error
    if len(outputs) != len(features):
        raise Unanswered(f"it answered {len(outputs)} times for {len(features)} rows")
    return outputs


def said(spec: ModelSpec, output: ModelOutput) -> str | None:
    """Return the predicted class; None where there is none."""
    if output.label is not None:
        return str(normalise_label(output.label))
    if spec.task == "binary":
        level = level_of(spec, output)
        if level is None or not math.isfinite(level):
            return None
        return spec.label_at(level)
    shares = {name: share for name, share in (output.probabilities or {}).items() if share == share}
    return max(sorted(shares), key=shares.__getitem__) if shares else None


def level_of(spec: ModelSpec, output: ModelOutput) -> float | None:
    """Return the number that features move: the probability of the positive label, or the value; None: there is none.

    A binary model that answers with a label alone has the levels 0 and 1.
    """
    if spec.task == "regression":
        return output.value
    if spec.task != "binary":
        return None
    if output.score is not None:
        return output.score
    if output.probabilities:
        return output.probabilities.get(str(spec.positive_label))
    return None if output.label is None else float(str(normalise_label(output.label)) == spec.positive_label)


def problem(spec: ModelSpec, output: ModelOutput, classes: Collection[str]) -> str | None:
    """Return why an answer is no answer of a model of this task, or None.

    Parameters
    ----------
    classes
        Those that are known; none: any will do.
    """
    if spec.task == "regression":
        if output.value is None:
            return "no value"
        return None if math.isfinite(output.value) else f"the value {output.value} is not finite"
    if output.score is not None and not 0 <= output.score <= 1:  # NaN is neither
        return f"the score {output.score:.6g} is not between 0 and 1"
    shares = output.probabilities or {}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            return f"the probability {share:.6g} of {name} is not between 0 and 1"
    if shares and abs(sum(shares.values()) - 1) > WHOLE:
        return f"the probabilities sum to {sum(shares.values()):.6g}, not to 1"
    label = said(spec, output)
    if label is None:
        return "neither label nor score" if spec.task == "binary" else "neither label nor probabilities"
    if classes and label not in classes and label != spec.negative_label:
        return f"{label!r} is none of the classes {', '.join(sorted(classes))}"
    return None


def losses(spec: ModelSpec, outputs: Sequence[ModelOutput | None], labels: Sequence[Label | None]) -> Floats:
    """Return the loss of each answer, NaN where there is no answer or nothing is known. Shape (rows,)."""
    pairs = [
        (
            Row(0, "", [])
            if output is None
            else Row(0, "", [], label=None if spec.task == "regression" else said(spec, output), value=output.value),
            label or Label(0),
        )
        for output, label in zip(outputs, labels, strict=True)
    ]
    found = losses_of(spec, pairs)
    return np.where(np.isfinite(found), found, np.nan)


def hardness(spec: ModelSpec, outputs: Sequence[ModelOutput | None], labels: Sequence[Label | None]) -> Floats:
    """Return how hard each row was: 1 - probability of what came true, else the loss. NaN where nothing is known.

    For a probability that is the size of the gradient of its log loss: it tells apart errors that are all 1.
    """
    found = losses(spec, outputs, labels)
    if spec.task not in ("binary", "multiclass"):
        return found
    for place, (output, label) in enumerate(zip(outputs, labels, strict=True)):
        share = None if output is None or label is None else _of_truth(spec, output, label)
        if share is not None and math.isfinite(share) and not math.isnan(found[place]):
            found[place] = 1 - share
    return found


def _of_truth(spec: ModelSpec, output: ModelOutput, label: Label) -> float | None:
    """Return the probability that an answer gave to what came true; None where it does not say."""
    if label.label is None:
        return None
    if spec.task == "binary":
        positive = output.score
        if positive is None and output.probabilities:
            positive = output.probabilities.get(str(spec.positive_label))
        return None if positive is None else positive if label.label == spec.positive_label else 1 - positive
    if output.probabilities:
        return output.probabilities.get(label.label, 0.0)
    if output.score is None:
        return None
    return output.score if said(spec, output) == label.label else 1 - output.score


def in_words(spec: ModelSpec, output: ModelOutput | None) -> str:
    """Return an answer as people read it."""
    if output is None:
        return "none"
    if spec.task == "regression":
        return "none" if output.value is None else f"{output.value:.6g}"
    label = said(spec, output)
    if output.score is None:
        return "none" if label is None else label
    return f"{label} ({output.score:.6g})" if label is not None else f"{output.score:.6g}"
