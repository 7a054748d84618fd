"""`NamedModel`: a model that a function of somebody's answers for, named as module:function(model directory)."""

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from schemas.spec import ModelSpec
from streams.errors import UserError
from streams.model_function import asked, function_named, worded
from streams.trainer import Features, ModelOutput


class NamedModel:
    """Asks the function that `module:function(directory)` returns (`model_function` says what it may answer).

    Parameters
    ----------
    directory
        Of the model. A module in it is taken from there, so that versions may have different code; else it is looked
        for beside the monitor file, else among what is installed.
    where
        What its user named it by; stands in front of errors.

    Raises
    ------
    UserError
        When there is no such function or it fails; and by each call that fails or answers something else.
    """

    def __init__(self, name: str, settings: ModelSpec, base: Path, directory: Path, where: str) -> None:
        self._settings, self._where = settings, f"{where}: {name}"
        loader = function_named(name, where, lambda module: _imported(module, (directory, base)), "scoring:load")
        try:
            self._function: Any = loader(str(directory))
        except Exception as error:  # somebody's code: anything
            raise UserError(f"{self._where} failed on {directory}: {worded(error)}") from None
        if not callable(self._function):
            raise UserError(f"{self._where} has to return a function of a list of feature mappings")

    def outputs(self, features: Features) -> list[ModelOutput]:
        """Return what the function answers."""
        return asked(self._function, self._settings, features, self._where)


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
