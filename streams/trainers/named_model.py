"""`NamedModel`: a model that a function of somebody's answers for, named as module:function(model directory)."""

import hashlib
import importlib
import importlib.util
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from schemas.contract import normalise_label
from schemas.spec import ModelSpec
from streams.errors import UserError
from streams.trainer import Features, ModelOutput


class NamedModel:
    """Asks the function that `module:function(directory)` returns, with a list of feature mappings.

    An answer is a class (text, a whole number or a boolean), the probability of the positive class (a float, binary),
    a number (regression), or a mapping with some of label, score, value and probabilities, as in prediction events.

    Parameters
    ----------
    directory
        Of the model. A module in it is taken from there, so that versions may have different code; else it is looked
        for beside the monitor file, else among what is installed.

    Raises
    ------
    UserError
        When there is no such function or it fails; and by each call that fails or answers something else.
    """

    def __init__(self, name: str, settings: ModelSpec, base: Path, directory: Path, where: str) -> None:
        self._settings, self._where, self._name = settings, where, name
        module, colon, function = name.partition(":")
        if not (module and colon and function):
            raise UserError(f"{where}: {name!r} is not module:function, such as scoring:load")
        try:
            loader = getattr(_imported(module, (directory, base)), function, None)
        except ModuleNotFoundError as error:
            raise UserError(f"{where}: no module named {error.name!r} beside the monitor file or the model") from None
        except Exception as error:
            raise UserError(f"{where}: importing {module} failed: {type(error).__name__}: {error}") from None
        if not callable(loader):
            raise UserError(f"{where}: {module} has no function {function!r}")
        try:
            self._function: Any = loader(str(directory))
        except Exception as error:
            raise UserError(f"{where}: {name} failed on {directory}: {type(error).__name__}: {error}") from None
        if not callable(self._function):
            raise UserError(f"{where}: {name} has to return a function of a list of feature mappings")

    def outputs(self, features: Features) -> list[ModelOutput]:
        """Return what the function answers."""
        rows = [dict(zip(self._settings.features, row, strict=True)) for row in features]
        try:
            answers = list(self._function(rows))
        except Exception as error:
            raise UserError(f"{self._where}: the model failed: {type(error).__name__}: {error}") from None
        if len(answers) != len(rows):
            raise UserError(f"{self._where}: the model answered {len(answers)} times for {len(rows)} rows")
        return [self._output(answer) for answer in answers]

    def _output(self, answer: Any) -> ModelOutput:
        plain = answer.item() if hasattr(answer, "item") else answer  # a number of numpy's
        try:
            found = self._of_mapping(plain) if isinstance(plain, Mapping) else self._of_scalar(plain)
            if any(part is not None for part in found):
                return found
        except (TypeError, ValueError):
            pass
        raise UserError(f"{self._where}: {answer!r:.100} is no output of a {self._settings.task} model")

    def _of_scalar(self, answer: Any) -> ModelOutput:
        settings = self._settings
        if settings.task == "regression":
            return ModelOutput(value=float(answer))
        if isinstance(answer, float) and settings.task == "binary":
            return self._scored(answer)
        if isinstance(answer, str | int | float):
            return ModelOutput(label=str(normalise_label(answer)))
        return ModelOutput()

    def _of_mapping(self, answer: Mapping[str, Any]) -> ModelOutput:
        label, score, value = (answer.get(name) for name in ("label", "score", "value"))
        given, shares = answer.get("probabilities"), None
        if isinstance(given, Mapping) and given:
            shares = {str(normalise_label(name)): float(share) for name, share in given.items()}
            label = max(sorted(shares), key=shares.__getitem__) if label is None else label
        if label is None and score is not None and self._settings.task == "binary":
            return self._scored(float(score))
        label = None if label is None else str(normalise_label(label))
        if score is None and shares is not None and label is not None:
            score = shares.get(label)
        score, value = (None if each is None else float(each) for each in (score, value))
        return ModelOutput(label, score, value, shares)

    def _scored(self, score: float) -> ModelOutput:
        settings = self._settings
        if math.isnan(score):
            return ModelOutput(score=score)
        label = settings.positive_label if score >= settings.threshold else f"not {settings.positive_label}"
        return ModelOutput(label, score)


def _imported(name: str, places: tuple[Path, ...]) -> ModuleType:
    """Return a module: from a file in one of the places under a name of its own, else as Python finds it."""
    for place in places:
        path = place.resolve() / f"{name.replace('.', '/')}.py"
        if not path.is_file():
            continue
        unique = f"_model_{hashlib.blake2b(str(path).encode(), digest_size=8).hexdigest()}"
        spec = importlib.util.spec_from_file_location(unique, path)
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        sys.modules[unique] = module  # as pickles and dataclasses of it ask for
        if str(path.parent) not in sys.path:
            sys.path.append(str(path.parent))
        spec.loader.exec_module(module)
        return module
    return importlib.import_module(name)
