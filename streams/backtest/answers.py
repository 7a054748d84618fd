"""`Answers`: what a model said of rows, by column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.spec import ModelSpec
from streams.check.answers import said
from streams.trainer import ModelOutput


@dataclass(frozen=True)
class Answers:
    """Shapes are (rows,)."""

    said: npt.NDArray[np.object_]
    """Predicted class; None where there is none, or the task has no classes."""
    outputs: npt.NDArray[np.float64]
    """Score, or predicted number; NaN for none."""

    def take(self, at: npt.NDArray[np.int64]) -> "Answers":
        """Return those of the rows `at`."""
        return Answers(self.said[at], self.outputs[at])


def answers_of(spec: ModelSpec, outputs: Sequence[ModelOutput]) -> Answers:
    """Return what a fitted model answered, by column.

    A model that gives a score or probabilities alone answers as predictions without a label do.
    """
    classes = np.full(len(outputs), None, dtype=object)
    numbers = np.full(len(outputs), np.nan)
    for place, output in enumerate(outputs):
        if spec.task == "regression":
            numbers[place] = np.nan if output.value is None else output.value
            continue
        classes[place] = label = said(spec, output)
        score = output.score
        if score is None and output.probabilities:
            score = output.probabilities.get(str(spec.positive_label if spec.task == "binary" else label))
        numbers[place] = np.nan if score is None else score
    return Answers(classes, numbers)
