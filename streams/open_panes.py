"""`OpenPanes`: the pane summaries of one source partition that events still go into."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import msgspec
import numpy as np

from detectors.counting import count_cohort, count_cohort_losses, count_label_losses, count_labels, count_traffic
from detectors.layout import Layouts
from detectors.row import Label, Row, loss_of
from detectors.sample import Sample, SampledRow
from detectors.summary import PaneKey, PaneSummary, pane_start
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import MonitorSpec
from streams.join import Accepted, Joined, Outcome
from streams.store import Store


class _SavedPane(msgspec.Struct, array_like=True):
    key: tuple[str, str, Family, Micros]
    fingerprint: str
    counts: bytes
    sample: list[SampledRow] | None
    offsets: dict[str, tuple[int, int]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_SavedPane).decode


class OpenPanes:
    """Summaries by pane; those that changed are saved at the next checkpoint."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts, store: Store) -> None:
        self._spec = spec
        self._layouts = layouts
        self._store = store
        self._panes: dict[PaneKey, PaneSummary] = {}
        self._dirty: set[PaneKey] = set()
        for _, packed in store.panes():
            summary = self._load(_decode(packed))
            self._panes[summary.key] = summary

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count accepted predictions and joined labels, each in the panes that it belongs to."""
        traffic: dict[PaneKey, list[Accepted]] = defaultdict(list)
        cohort: dict[PaneKey, list[Accepted]] = defaultdict(list)
        labels: dict[PaneKey, list[Joined]] = defaultdict(list)
        labelled: dict[PaneKey, list[Joined]] = defaultdict(list)
        for outcome in outcomes:
            stored, spec = outcome.row, self._spec.models[outcome.row.model]
            start = pane_start(stored.row.time, spec)
            key = PaneKey(stored.model, stored.version, "cohort", start)
            if isinstance(outcome, Accepted):
                if outcome.known < key.due(spec):  # self-contained feedback may come after the judgement
                    cohort[key].append(outcome)
                if outcome.traffic:
                    traffic[key._replace(family="traffic")].append(outcome)
            else:
                known = max(stored.row.time, outcome.label.time)
                labels[key._replace(family="label", start=pane_start(known, spec))].append(outcome)
                if outcome.label.time < key.due(spec):  # later ones come after the judgement
                    labelled[key].append(outcome)
        for key, accepted in traffic.items():
            self._add_traffic(key, accepted)
        for key, accepted in cohort.items():
            self._add_cohort(key, accepted)
        for key, joined in labels.items():
            self._add_labels(key, joined)
        for key, joined in labelled.items():
            self._add_cohort_labels(key, joined)

    def __iter__(self) -> Iterator[PaneSummary]:
        """Yield the open panes in the order in which level 2 closes them."""
        order = sorted(self._panes, key=lambda key: (key.due(self._spec.models[key.model]), key.family, key))
        return iter([self._panes[key] for key in order])

    def finish(self, key: PaneKey) -> PaneSummary:
        """Return a pane that no event can go into any more, and forget it."""
        self._dirty.discard(key)
        self._store.put_pane(_name(key), None)
        return self._panes.pop(key)

    def save(self) -> None:
        """Write the panes that changed into the open transaction."""
        for key in self._dirty:
            summary = self._panes[key]
            saved = _SavedPane(
                key=(key.model, key.version, key.family, key.start),
                fingerprint=summary.fingerprint,
                counts=summary.counts.astype("<i8").tobytes(),
                sample=None if summary.sample is None else summary.sample.rows(),
                offsets=summary.offsets,
            )
            self._store.put_pane(_name(key), _encode(saved))
        self._dirty.clear()

    def _add_traffic(self, key: PaneKey, accepted: Sequence[Accepted]) -> None:
        summary = self._open(key)
        count_traffic(self._layouts.of(key.model, key.version), summary.counts, [one.row.row for one in accepted])
        for one in accepted:
            summary.cover("predictions", one.row.offset)

    def _add_cohort(self, key: PaneKey, accepted: Sequence[Accepted]) -> None:
        summary = self._open(key)
        count_cohort(self._layouts.of(key.model, key.version), summary.counts, [one.row.row for one in accepted])
        for one in accepted:
            summary.cover("predictions" if one.traffic else "feedback", one.row.offset)
            if summary.sample is not None:
                summary.sample.add(SampledRow(one.row.row.time, one.row.row))

    def _add_labels(self, key: PaneKey, joined: Sequence[Joined]) -> None:
        summary, layout = self._open(key), self._layouts.of(key.model, key.version)
        pairs, losses = self._losses(key, joined)
        count_labels(layout, summary.counts, [(one.row.row, one.label) for one in joined])
        if losses:
            count_label_losses(layout, summary.counts, losses)
        for one in joined:
            summary.cover("feedback", one.offset)
        if summary.sample is not None:
            for (row, label), loss in zip(pairs, losses, strict=True):
                summary.sample.add(SampledRow(max(row.time, label.time), row, label, loss))

    def _add_cohort_labels(self, key: PaneKey, joined: Sequence[Joined]) -> None:
        summary, layout = self._open(key), self._layouts.of(key.model, key.version)
        pairs, losses = self._losses(key, joined)
        for one in joined:
            summary.cover("feedback", one.offset)
        if losses:
            count_cohort_losses(layout, summary.counts, pairs, losses)
        if summary.sample is not None:
            for (row, label), loss in zip(pairs, losses, strict=True):
                summary.sample.label(row, label, loss)

    def _losses(self, key: PaneKey, joined: Sequence[Joined]) -> tuple[list[tuple[Row, Label]], list[float]]:
        """Return the labels that say something about the loss, and the losses."""
        spec, pairs, losses = self._spec.models[key.model], [], []
        for one in joined:
            loss = loss_of(one.row.row, one.label, spec)
            if loss is not None:
                pairs.append((one.row.row, one.label))
                losses.append(loss)
        return pairs, losses

    def _open(self, key: PaneKey) -> PaneSummary:
        self._dirty.add(key)
        if key not in self._panes:
            self._panes[key] = PaneSummary.empty(key, self._layouts.of(key.model, key.version))
        return self._panes[key]

    def _load(self, saved: _SavedPane) -> PaneSummary:
        key = PaneKey(*saved.key)
        size = self._spec.models[key.model].sample
        return PaneSummary(
            key=key,
            fingerprint=saved.fingerprint,
            counts=np.frombuffer(saved.counts, dtype="<i8").astype(np.int64),
            sample=None if saved.sample is None else Sample(size, saved.sample),
            offsets=dict(saved.offsets),
        )


def _name(key: PaneKey) -> bytes:
    return blake2b(repr(tuple(key)).encode(), digest_size=16).digest()  # LMDB's keys are short, names need not be
