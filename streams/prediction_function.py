"""`PredictionFunction`: somebody's model, named as module:function, called with rows of features."""

import importlib
import sys
from pathlib import Path

from schemas.spec import ModelSpec
from streams.check.answers import said
from streams.errors import UserError
from streams.importance import Answer, Features
from streams.model_function import asked, function_named
from streams.trainer import ModelOutput


class PredictionFunction:
    """Calls a function with a list of feature mappings and reads its answers (`model_function` says which there are).

    It is also a `FittedModel`: `outputs` gives scores and probabilities too.

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
        self._spec, self._where = spec, f"{option} {name}"
        for place in (str(Path.cwd()), str(base.resolve())):
            if place not in sys.path:
                sys.path.append(place)
        self._function = function_named(name, option, importlib.import_module, "scoring:predict")

    def __call__(self, features: Features) -> list[Answer]:
        """Return the class or the number that the function predicts for each row."""
        return [self._answer(output) for output in self.outputs(features)]

    def outputs(self, features: Features) -> list[ModelOutput]:
        """Return what the function predicts for each row, with scores and probabilities where it gives them."""
        return asked(self._function, self._spec, features, self._where)

    def _answer(self, output: ModelOutput) -> Answer:
        found = output.value if self._spec.task == "regression" else said(self._spec, output)
        if found is None:
            raise UserError(
                f"{self._where}: {output} says no {'value' if self._spec.task == 'regression' else 'class'}"
            )
        return found
