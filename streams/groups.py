"""`Groups`: a small number for each version of each model, so that a chunk of many models is one set of columns."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hash
from detectors.row_shape import RowShape
from schemas.spec import MonitorSpec

MOST_GROUPS = 2_000
"""Versions with live rows in one partition. A producer that numbers its versions by the event must not fill memory."""


class Groups:
    """Codes of model versions, and what of the monitor file is asked for each row, by code."""

    def __init__(self, spec: MonitorSpec) -> None:
        self.models = list(spec.models)
        self.model_codes = {name: code for code, name in enumerate(self.models)}
        self.shapes = [RowShape(model) for model in spec.models.values()]
        """By model."""
        self.names: list[tuple[str, str]] = []
        """Model and version, by code."""
        self._codes: dict[tuple[str, str], int] = {}
        self._free: list[int] = []
        self._model = np.zeros(64, dtype=np.int32)
        self._version = np.zeros(64, dtype=np.int64)
        each = spec.models.values()
        self.lateness = np.array([model.lateness for model in each], dtype=np.int64)
        """By model, like `horizon`, `pane` and `maturity`. Microseconds."""
        self.horizon = np.array([model.label_horizon for model in each], dtype=np.int64)
        self.pane = np.array([model.pane for model in each], dtype=np.int64)
        self.maturity = np.array([model.maturity for model in each], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def crowded(self) -> bool:
        """Whether it is time to look which codes can be freed."""
        return 2 * len(self._codes) > MOST_GROUPS

    def known(self, model: str, version: str) -> int | None:
        """Return the code of a model version that has one."""
        return self._codes.get((model, version))

    def code(self, model: str, version: str) -> int | None:
        """Return the code of a version of a model of the monitor file; None: there are too many versions."""
        return self._code(model, version, MOST_GROUPS)

    def _code(self, model: str, version: str, most: int) -> int | None:
        key = (model, version)
        code = self._codes.get(key)
        if code is not None:
            return code
        if self._free:
            code = self._free.pop()
            self.names[code] = key
        elif len(self.names) < most:
            code = len(self.names)
            self.names.append(key)
        else:
            return None
        if code >= len(self._model):
            self._model = np.concatenate((self._model, np.zeros_like(self._model)))
            self._version = np.concatenate((self._version, np.zeros_like(self._version)))
        self._model[code] = self.model_codes[model]
        self._version[code] = version_hash(version)
        self._codes[key] = code
        return code

    def restore(self, model: str, version: str) -> int | None:
        """Return the code of a version found in the store; None: its model is gone from the monitor file."""
        # A block may hold rows that are no longer live, so there may be more than the most until `retain`.
        return self._code(model, version, 2**31) if model in self.model_codes else None

    def model(self, groups: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return the code of the model of each group."""
        return self._model[groups]

    def version(self, groups: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Return the `version_hash` of each group."""
        return self._version[groups]

    def retain(self, live: set[int]) -> None:
        """Free the codes that no row has any more. Nothing that was decoded may wait to be taken."""
        for key, code in list(self._codes.items()):
            if code not in live:
                del self._codes[key]
                if code < MOST_GROUPS:
                    self._free.append(code)


@lru_cache(maxsize=MOST_GROUPS)
def version_hash(version: str) -> int:
    """Return a number that two versions share only if they are the same; never 0."""
    return (id_hash(version)[0] >> 1) | 1
