"""`Curation`: what a model version has asked to have labelled, and what it asks for next. Part of its snapshot.

Requests are made when a traffic pane closes, by strategies and rules, so that answers come in time; and when a cohort
is judged, where too few labels came. Label panes and cohorts tell which rows have a label by now.
"""

from collections.abc import Iterable, Set
from functools import partial
from typing import NamedTuple

from detectors.curation.coverage import coverage
from detectors.curation.draw import Wanted, draw
from detectors.curation.known import Known, RowKey, by_hash, key_of
from detectors.curation.picking import COMPLAINTS, rules_of
from detectors.curation.request import deadline, request_of
from detectors.loss_rows import LossRows
from detectors.pane import ClosedPane
from detectors.sampled_row import SampledRow
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.estimated_loss import EstimatedLoss
from detectors.signals.signal import Signal
from detectors.state import register
from schemas.event_time import Micros
from schemas.label_request import LabelRequest

ASKED = 5_000
"""Rows asked for that are remembered, newest first; an older one may be asked for again, with the same id."""


class Asked(NamedTuple):
    """What came of a closed pane."""

    requests: list[LabelRequest]
    idle: dict[str, str]
    """Strategies that had nothing to go by, and why."""


@register
class Curation:
    """Requests for labels of one model version.

    Notes
    -----
    Whether a row has a label is known as far as samples go: of a label pane or a cohort with more rows than `sample`
    some may be missed, and a row that was answered counts as one that was not.
    """

    def __init__(self) -> None:
        self._asked: dict[RowKey, Micros] = {}
        """Rows asked for and not known to be answered, in the order in which they were, and when."""
        self._labelled: set[RowKey] = set()
        """Rows of a traffic pane that is about to close, and that have a label already."""
        self._complaints: list[SampledRow] = []
        """Rows that somebody complained of, newest last, until they are asked for or it is too late."""

    def close(
        self, pane: ClosedPane, signals: Iterable[Signal], losses: LossRows, others: Iterable["Curation"] = ()
    ) -> Asked:
        """Take a closed pane that its signals have read; return the requests that come of it.

        Parameters
        ----------
        others
            Of other versions of the model: what one has asked for, of a row that a shadow predicted too, answers all.
        """
        spec = pane.layout.spec.label_requests
        if pane.key.family != "traffic":
            self._note_labels(pane)
        wanted: list[Wanted] = []
        idle: dict[str, str] = {}
        if not spec.per_pane:
            self._complaints.clear()
        elif pane.key.family == "cohort":
            elsewhere = _ids(others)
            wanted = coverage(pane, partial(self._was_asked, elsewhere), partial(self._may_ask, pane, elsewhere))
        elif pane.key.family == "label" and (spec.strategies or spec.rules):
            self._note_complaints(pane)
        elif pane.key.family == "traffic" and (spec.strategies or spec.rules):
            wanted, idle = draw(self._known(pane, signals, losses, _ids(others)))
            self._labelled.clear()
        for one in wanted:
            self._asked[key_of(one.sampled)] = pane.due
        while len(self._asked) > ASKED:
            del self._asked[next(iter(self._asked))]
        return Asked([request_of(pane, one) for one in wanted], idle)

    def unanswered(self, start: Micros, end: Micros, most: int) -> list[str]:
        """Return the ids of rows from `start` to before `end` that were asked for and are not known to be answered.

        Newest first, at most `most`.
        """
        within = sorted(((time, id) for id, time in self._asked if start <= time < end), reverse=True)
        return [id for _, id in within[:most]]

    def _known(self, pane: ClosedPane, signals: Iterable[Signal], losses: LossRows, elsewhere: Set[str]) -> Known:
        may_ask = partial(self._may_ask, pane, elsewhere)
        challenger = regressor = None
        for signal in signals:
            if isinstance(signal, ChallengerLoss):
                challenger = signal.challenger
            elif isinstance(signal, EstimatedLoss):
                regressor = signal.regressor
        self._complaints = list(filter(may_ask, self._complaints))
        return Known(
            pane,
            by_hash(filter(may_ask, pane.sample)),
            {name: by_hash(filter(may_ask, pane.picked.get(name, []))) for name in rules_of(pane.layout.spec)},
            self._complaints[::-1],
            losses,
            challenger,
            regressor,
        )

    def _may_ask(self, pane: ClosedPane, elsewhere: Set[str], sampled: SampledRow) -> bool:
        """Whether a row was neither asked for nor labelled, and an answer could still come in time."""
        in_time = deadline(pane.layout.spec, sampled.row.time, pane.due) > pane.due
        return in_time and not self._was_asked(elsewhere, sampled) and key_of(sampled) not in self._labelled

    def _was_asked(self, elsewhere: Set[str], sampled: SampledRow) -> bool:
        return sampled.row.id in elsewhere or key_of(sampled) in self._asked

    def _note_labels(self, pane: ClosedPane) -> None:
        """Take note of the rows that have a label by now."""
        for sampled in pane.sample:
            asked = self._asked.get(key_of(sampled))
            # a text that was asked for because of its rating still has that alone
            if asked is not None and sampled.label is not None and (_says(sampled) or sampled.label.time >= asked):
                del self._asked[key_of(sampled)]

    def _note_complaints(self, pane: ClosedPane) -> None:
        """Take the complaints of a label pane, and which rows of the traffic pane of its time are labelled already.

        A label pane closes before the traffic pane of its time.
        """
        complaints = [one for one in pane.picked.get(COMPLAINTS, []) if not _says(one)]
        labelled = {key_of(one) for one in pane.sample if one.row.time >= pane.start}
        self._labelled = labelled.difference(map(key_of, complaints))
        self._complaints += complaints
        del self._complaints[: -pane.layout.spec.label_requests.per_pane]


def _ids(others: Iterable[Curation]) -> Set[str]:
    """Return the ids of the rows that others have asked for, as far as they are not known to be answered."""
    return {id for other in others for id, _ in other._asked}


def _says(sampled: SampledRow) -> bool:
    """Whether somebody has said what is right."""
    label = sampled.label
    return label is not None and (label.label is not None or label.value is not None)
