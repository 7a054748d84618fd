"""An estimator as a file of skops: reading it runs no code that it names, and the same estimator is the same bytes.

skops writes addresses of memory, the time of day, and what lies between the fields of structured arrays into its file.
All that is replaced here by what does not change.
"""

import io
import json
import zipfile
from typing import Any

import numpy as np
import skops.io

from streams.errors import UserError

SCHEMA = "schema.json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can say

INNER = (
    "functools.partial",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
"""What scikit-learn's estimators hold and skops does not trust by itself: arrays, numbers, and a check of their input.
What a `partial` is of has to be trusted as well."""


def packed(estimator: Any, package: str) -> bytes:
    """Return an estimator as bytes.

    Parameters
    ----------
    package
        The package of the class that the monitor file names. Its classes are trusted, unless it is scikit-learn, of
        which a list is.

    Raises
    ------
    UserError
        When something in it could be read again only by running code.
    """
    try:
        data = skops.io.dumps(estimator)
        odd = _untrusted(data, package)
    except Exception as error:  # third-party estimators fail in any way
        raise UserError(f"{_name(estimator)} cannot be stored without pickle: {error}; use a command trainer") from None
    if odd:
        raise UserError(f"{_name(estimator)} cannot be stored without pickle: it holds {', '.join(odd)}; use a command")
    return _canonical(data)


def unpacked(data: bytes, package: str) -> Any:
    """Return the estimator that `packed` was given.

    Raises
    ------
    UserError
        When the bytes are damaged, or name classes that are not trusted.
    """
    try:
        odd = _untrusted(data, package)
        if not odd:
            return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    except Exception as error:  # hostile bytes too
        raise UserError(f"not a model that can be read: {type(error).__name__}: {error}") from None
    raise UserError(f"it names classes that are not trusted: {', '.join(odd)}")


def _untrusted(data: bytes, package: str) -> list[str]:
    return [
        name
        for name in skops.io.get_untrusted_types(data=data)
        if name not in INNER and (package == "sklearn" or name.partition(".")[0] != package)
    ]


def _name(estimator: Any) -> str:
    return type(estimator).__name__


def _canonical(data: bytes) -> bytes:
    """Number what skops calls by its address in memory in the order of the file, and leave out when it was written."""
    numbers: dict[Any, int] = {}
    files: dict[str, str] = {}
    fresh = 0

    def renumbered(node: Any) -> Any:
        nonlocal fresh
        if isinstance(node, list):
            return [renumbered(each) for each in node]
        if not isinstance(node, dict):
            return node
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key == "__id__":
                fresh += 1
                # What cannot change is shared or not as the interpreter pleases; it is never shared here.
                found[key] = fresh if node.get("is_json") else numbers.setdefault(value, fresh)
            elif key == "file" and isinstance(value, str):
                found[key] = files.setdefault(value, f"{len(files)}{value[value.rfind('.') :]}")
            else:
                found[key] = renumbered(value)
        return found

    with zipfile.ZipFile(io.BytesIO(data)) as old:
        schema = renumbered(json.loads(old.read(SCHEMA)))
        members = {new: _without_padding(name, old.read(name)) for name, new in files.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new_file:
        for name, content in [*members.items(), (SCHEMA, json.dumps(schema).encode())]:
            new_file.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _without_padding(name: str, content: bytes) -> bytes:
    """Return an array's file with zeros between the fields of its rows: what lies there is whatever was in memory."""
    if not name.endswith(".npy"):
        return content
    array = np.load(io.BytesIO(content))
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for field in array.dtype.names:
        clean[field] = array[field]
    out = io.BytesIO()
    np.save(out, clean)
    return out.getvalue()
