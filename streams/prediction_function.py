"""`PredictionFunction`: somebody's model, named as module:function, called with rows of features."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.contract import normalise_label
from schemas.spec import ModelSpec
from streams.errors import UserError
from streams.importance import Answer, Features
from streams.trainer import ModelOutput


class PredictionFunction:
    """Calls a function with a list of feature mappings and reads its outputs.

    It is also a `FittedModel`: `outputs` gives scores and probabilities too.

    An output is a class (text, a whole number or a boolean), the probability of the positive class (a float, binary), a
    number (regression), or a mapping with one of label, score, value, probabilities, as a prediction event has them.

    Parameters
    ----------
    name
        module:function. The module is looked for beside the monitor file and in the working directory too.
    option
        What its user named it by; stands in front of errors.

    Raises
    ------
    UserError
        When there is no such function, and by each call that fails or answers something else.
    """

    def __init__(self, name: str, spec: ModelSpec, base: Path, option: str = "--predict") -> None:
        self._name, self._spec, self._option = name, spec, option
        module, colon, function = name.partition(":")
        if not (module and colon and function):
            raise UserError(f"{option}: {name!r} is not module:function, such as scoring:predict")
        for place in (str(Path.cwd()), str(base.resolve())):
            if place not in sys.path:
                sys.path.append(place)
        try:
            self._function: Any = getattr(importlib.import_module(module), function, None)
        except ModuleNotFoundError as error:
            raise UserError(f"{option} {name}: no module named {error.name!r}") from None
        except Exception as error:
            raise UserError(f"{option} {name}: importing {module} failed: {_said(error)}") from None
        if not callable(self._function):
            raise UserError(f"{option} {name}: {module} has no function {function!r}")

    def __call__(self, features: Features) -> list[Answer]:
        """Return what the function predicts for each row."""
        return [self._answer(output) for output in self._asked(features)]

    def outputs(self, features: Features) -> list[ModelOutput]:
        """Return what the function predicts for each row, with scores and probabilities where it gives them."""
        return [self._output(output) for output in self._asked(features)]

    def _asked(self, features: Features) -> list[Any]:
        rows = [dict(zip(self._spec.features, row, strict=True)) for row in features]
        try:
            outputs = list(self._function(rows))
        except Exception as error:
            raise UserError(f"{self._option} {self._name}: it failed: {_said(error)}") from None
        if len(outputs) != len(rows):
            raise UserError(f"{self._option} {self._name}: it answered {len(outputs)} times for {len(rows)} rows")
        return outputs

    def _output(self, output: Any) -> ModelOutput:
        """Return an answer with all its parts; a number that is none (NaN) is handed on, for somebody to say so."""
        given = output.item() if hasattr(output, "item") else output
        try:
            if not isinstance(given, Mapping):
                if self._spec.task == "binary" and isinstance(given, float):
                    return ModelOutput(score=given)
                given = {"value": given} if self._spec.task == "regression" else {"label": given}
            shares = given.get("probabilities")
            by_class = None
            if isinstance(shares, Mapping) and shares:
                by_class = {str(normalise_label(name)): float(share) for name, share in shares.items()}
            label = given.get("label")
            if not isinstance(label, str | int | float | None):
                raise TypeError("no label")
            score, value = (None if given.get(name) is None else float(given[name]) for name in ("score", "value"))
            found = ModelOutput(None if label is None else str(normalise_label(label)), score, value, by_class)
            if any(part is not None for part in found):
                return found
        except (TypeError, ValueError):
            pass
        raise UserError(f"{self._option} {self._name}: {output!r:.100} is no output of a {self._spec.task} model")

    def _answer(self, output: Any) -> Answer:
        given, spec = output, self._spec
        output = output.item() if hasattr(output, "item") else output  # a number of numpy's
        if isinstance(output, Mapping):
            output = self._of_mapping(output)
        try:
            if spec.task == "regression":
                return float(output)
            if isinstance(output, float) and spec.task == "binary":
                return str(spec.positive_label) if output >= spec.threshold else f"not {spec.positive_label}"
            if isinstance(output, str | int | float):
                return str(normalise_label(output))
        except (TypeError, ValueError):
            pass
        raise UserError(f"{self._option} {self._name}: {given!r:.100} is no output of a {spec.task} model")

    def _of_mapping(self, output: Mapping[str, Any]) -> Any:
        fields: Sequence[str] = ("value",) if self._spec.task == "regression" else ("label", "score")
        found = next((output[field] for field in fields if output.get(field) is not None), None)
        probabilities = output.get("probabilities")
        if found is None and isinstance(probabilities, Mapping) and probabilities:
            return max(probabilities, key=lambda name: (probabilities[name], str(name)))
        return float(found) if found is output.get("score") and isinstance(found, int) else found


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
