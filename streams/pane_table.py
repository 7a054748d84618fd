"""`PaneTable`: the open panes of a source partition by key, as they stand in memory and in the store."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.layout import Counts, Layout
from detectors.odd_features import OddRow
from detectors.row_sample import RowSample
from detectors.sample import sample_size
from detectors.summary import Offsets, PaneKey
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import MonitorSpec
from streams.records import Role
from streams.store import Store


@dataclass(slots=True)
class OpenPane:
    """One pane, and where its sample's rows are."""

    key: PaneKey
    fingerprint: str
    counts: Counts
    sample: RowSample
    """Numbers of rows (traffic, cohort) or of labels (label)."""
    offsets: Offsets = field(default_factory=dict)
    odd: list[OddRow] = field(default_factory=list)
    picked: dict[str, RowSample] = field(default_factory=dict)
    """Likewise, of rows that were picked out (`detectors.curation.picking`)."""
    chosen: Counts | None = None
    """As in `PaneSummary`."""

    def choose(self) -> Counts:
        """Return the counts of labels that curation chose, to be added to."""
        if self.chosen is None:
            self.chosen = np.zeros_like(self.counts)
        return self.chosen

    def pick(self, name: str, size: int) -> RowSample:
        """Return the sample of rows that are picked for one reason, of at most `size`."""
        if name not in self.picked:
            self.picked[name] = RowSample(size)
        return self.picked[name]

    def cover(self, role: Role, offsets: npt.NDArray[np.int64]) -> None:
        """Note that the events at `offsets` are in the summary."""
        if len(offsets):
            low, high = int(offsets.min()), int(offsets.max())
            first, last = self.offsets.get(role, (low, high))
            self.offsets[role] = (min(first, low), max(last, high))


class _SavedPane(msgspec.Struct, array_like=True):
    key: tuple[str, str, Family, Micros]
    fingerprint: str
    counts: bytes
    """Little-endian int64."""
    offsets: dict[str, tuple[int, int]]
    odd: list[OddRow] = []
    chosen: bytes = b""
    """As `counts`; empty where there are none."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_SavedPane).decode


class PaneTable:
    """Panes by key, restored from the store without their samples; those that changed are saved at the next checkpoint.

    Panes of models that are gone from the monitor file are left out.
    """

    def __init__(self, spec: MonitorSpec, store: Store) -> None:
        self._store = store
        self._panes: dict[PaneKey, OpenPane] = {}
        self._dirty: set[PaneKey] = set()
        for _, packed in store.items("panes"):
            saved = _decode(packed)
            if PaneKey(*saved.key).model in spec.models:
                pane = _load(saved, spec)
                self._panes[pane.key] = pane

    def __len__(self) -> int:
        return len(self._panes)

    def __iter__(self) -> Iterator[PaneKey]:
        return iter(self._panes)

    def __getitem__(self, key: PaneKey) -> OpenPane:
        return self._panes[key]

    def get(self, key: PaneKey) -> OpenPane | None:
        """Return a pane that is open; None where it is not."""
        return self._panes.get(key)

    def open(self, layout: Layout, family: Family, start: Micros) -> OpenPane:
        """Return a pane that is about to change; an empty one where it was not open."""
        key = PaneKey(layout.model, layout.version, family, start)
        self._dirty.add(key)
        if key not in self._panes:
            empty = np.zeros(layout.families[family].size, dtype=np.int64)
            self._panes[key] = OpenPane(key, layout.fingerprint, empty, RowSample(sample_size(layout.spec, family)))
        return self._panes[key]

    def forget(self, key: PaneKey) -> None:
        """Let go of a pane, here and in the store's changes."""
        self._dirty.discard(key)
        self._store.put("panes", _name(key), None)
        del self._panes[key]

    def save(self) -> None:
        """Write the panes that changed into the store's changes."""
        for key in self._dirty:
            pane = self._panes[key]
            counts = pane.counts.astype("<i8", copy=False).tobytes()
            name = (key.model, key.version, key.family, key.start)
            chosen = b"" if pane.chosen is None else pane.chosen.astype("<i8", copy=False).tobytes()
            saved = _SavedPane(name, pane.fingerprint, counts, pane.offsets, pane.odd, chosen)
            self._store.put("panes", _name(key), _encode(saved))
        self._dirty.clear()


def _load(saved: _SavedPane, spec: MonitorSpec) -> OpenPane:
    key = PaneKey(*saved.key)
    sample = RowSample(sample_size(spec.models[key.model], key.family))
    counts = np.frombuffer(saved.counts, dtype="<i8").astype(np.int64)
    chosen = np.frombuffer(saved.chosen, dtype="<i8").astype(np.int64) if saved.chosen else None
    return OpenPane(key, saved.fingerprint, counts, sample, dict(saved.offsets), saved.odd, chosen=chosen)


def _name(key: PaneKey) -> bytes:
    return blake2b(repr(tuple(key)).encode(), digest_size=16).digest()  # LMDB's keys are short, names need not be
