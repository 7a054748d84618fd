"""`OddFeatures`: finds which features of an event are not as the monitor file declares them, and of which type.

Only events of which something is known to be odd are looked at again, and of those only the few that a pane keeps.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.odd_features import OddRow, odd_row
from detectors.row_shape import RowShape
from detectors.rows import Rows
from schemas.spec import ModelSpec, MonitorSpec
from streams.cloudevents import unwrap
from streams.groups import Groups
from streams.open_panes import OpenPanes
from streams.pending_log import Accepted, Outcome
from streams.records import Record, RecordBatch

_TYPES = {'"': "text", "t": "boolean", "f": "boolean", "n": "null"}
_FITTING = {
    "numeric": frozenset({"numeric", "null"}),
    "boolean": frozenset({"boolean", "null"}),
    "text": frozenset({"text", "null"}),
    "datetime": frozenset({"text", "null"}),
}
"""Types on the wire by declared type; a category may be any."""


class _Event(msgspec.Struct):
    features: dict[str, msgspec.Raw] = {}


_decode = msgspec.json.Decoder(_Event).decode


class OddFeatures:
    """Hands the open panes of one source partition the rows that are odd."""

    def __init__(self, spec: MonitorSpec, groups: Groups, panes: OpenPanes) -> None:
        self._models = list(spec.models.values())
        self._groups = groups
        self._panes = panes
        widths = [(shape.width, len(shape.numeric)) for shape in map(RowShape, self._models)]
        self._numeric = np.array(widths, dtype=np.int64).reshape(-1, 2)
        """By model: numbers of a row, and how many of them are features."""

    def note(self, rows: Rows, outcomes: Sequence[Outcome], records: RecordBatch) -> None:
        """Take the predictions of a chunk, of which the join accepted some."""
        odd = rows.unexpected
        infinite = np.isinf(rows.numbers)
        if infinite.any():  # a numeric feature that is no number
            odd = odd | self._invalid(rows, infinite)
        if not odd.any():
            return
        accepted = [outcome.offsets for outcome in outcomes if isinstance(outcome, Accepted)]
        if not accepted:
            return
        at = np.flatnonzero(odd & np.isin(rows.offsets, np.concatenate(accepted)))
        places = np.searchsorted(records.offsets, rows.offsets[at])
        models = self._groups.model(rows.groups[at])
        hashes = rows.hashes[at, 0]

        def read(which: int) -> OddRow:
            found = odd_features(records[int(places[which])], self._models[int(models[which])])
            return odd_row(int(hashes[which]), found)

        self._panes.note_odd(rows.groups[at], rows.times[at], hashes, read)

    def _invalid(self, rows: Rows, infinite: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        widths, features = self._numeric[self._groups.model(rows.groups)].T
        column = np.arange(infinite.shape[1]) - (infinite.shape[1] - widths[:, np.newaxis])
        found: npt.NDArray[np.bool_] = (infinite & (column >= 0) & (column < features[:, np.newaxis])).any(axis=1)
        return found


def odd_features(record: Record, model: ModelSpec) -> list[tuple[str, str]]:
    """Return the features of a prediction that are not declared, or of another type, with the type on the wire."""
    if record.value is None:  # the row of a table
        return []
    try:
        features = _decode(unwrap(record.value, record.headers)).features
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    found = []
    for name, value in features.items():
        kind = _TYPES.get(chr(bytes(value)[0]), "numeric")
        declared = model.features.get(name)
        if declared is None or kind not in _FITTING.get(declared.type, (kind,)):
            found.append((name, kind))
    return found
