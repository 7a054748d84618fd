"""`Fit`: whether an event that keeps its contract also fits the monitor file: its model, its task, its classes."""

import math

from detectors.layouts import Layouts
from detectors.row import task_problem
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams.decode import Refusal
from streams.shares import foreign_class, sum_problem

SHOWN = 20  # classes in a message


class Fit:
    """Judges events by the monitor file. A label that is no class is refused: it would count as an error for ever."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts) -> None:
        self._spec = spec
        self._classes = {name: layouts.classes(name) for name in spec.models}
        self._only = next(iter(spec.models)) if len(spec.models) == 1 else None

    def problem(self, event: Prediction | Feedback) -> Refusal | None:
        """Return why an event does not fit, or None."""
        prediction = event if isinstance(event, Prediction) else event.prediction
        named = event.model if prediction is None else prediction.model
        if named is not None and named not in self._spec.models:
            known = ", ".join(self._spec.models)
            return Refusal("unknown_model", f"model: {named!r} is not in the monitor file; those are {known}")
        if prediction is not None:
            problem = task_problem(prediction, self._spec.models[prediction.model])
            if problem is None:
                problem = self._not_a_class(prediction.model, "output.label", prediction.output.label)
            if problem is None:
                problem = self._wrong_shares(prediction)
            if problem is not None:
                return Refusal("task", problem)
        model = named or self._only
        if isinstance(event, Feedback) and model is not None:
            problem = self._feedback_problem(event, model)
            if problem is not None:
                return Refusal("task", problem)
        return None

    def _feedback_problem(self, feedback: Feedback, model: str) -> str | None:
        task = self._spec.models[model].task
        if task == "regression":
            if feedback.value is None and feedback.rating is None and feedback.correction is None:
                return "value: feedback on a regression model has the true number in value, not in label"
            if feedback.correction is not None and not _is_number(feedback.correction):
                return f"correction: {feedback.correction!r} is not a number, and {model} predicts numbers"
            return None
        if task == "text":
            return None
        if feedback.label is None and feedback.rating is None and feedback.correction is None:
            return f"label: feedback on a {task} model has the true class in label, not in value"
        return self._not_a_class(model, "label", feedback.label) or self._not_a_class(
            model, "correction", feedback.correction
        )

    def _not_a_class(self, model: str, path: str, label: str | None) -> str | None:
        classes = self._classes[model]
        if label is None or classes is None or label in classes:
            return None
        known = ", ".join(sorted(classes)[:SHOWN]) + (", ..." if len(classes) > SHOWN else "")
        return f"{path}: {label!r} is not a class of {model}; those are {known}. A new one is declared in classes"

    def _wrong_shares(self, prediction: Prediction) -> str | None:
        model, output, spec = prediction.model, prediction.output, self._spec.models[prediction.model]
        if spec.task != "multiclass" or not output.probabilities:
            return None
        foreign = foreign_class(output.probabilities, output.label, spec, self._classes[model] or frozenset())
        if foreign is not None:
            return self._not_a_class(model, "output.probabilities", foreign)
        problem = sum_problem(output.probabilities, spec)
        return None if problem is None else f"output.probabilities: {problem}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
