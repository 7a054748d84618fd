"""`Labelling`: what feedback says of rows: whether it is on a row, and what of it the row had not been told before."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.chosen_labels import chooses
from detectors.id_hash import id_hashes
from schemas.spec import MonitorSpec
from streams.accounting import Accounting
from streams.column_log import Numbers
from streams.feedback_columns import NO_MODEL, NO_VERSION, SOURCES, FeedbackColumns
from streams.feedback_log import FeedbackLog
from streams.groups import Groups
from streams.pending_log import Joined, PendingLog
from streams.row_log import CHOSEN, CORRECTED, LABELLED, RATED, REPEATED, USER

_USER, _ANNOTATOR, _CORRECTION = (SOURCES.index(source) for source in ("user", "annotator", "correction"))
_ANNOTATOR_CORRECTION = SOURCES.index("annotator_correction")
_MOST_KEYS = 100_000

Mask = npt.NDArray[np.bool_]


class Said(NamedTuple):
    """What feedback events say, by column."""

    times: npt.NDArray[np.int64]
    sources: npt.NDArray[np.int8]
    """Index into SOURCES."""
    models: npt.NDArray[np.int32]
    versions: npt.NDArray[np.int64]
    labels: list[str | None]
    labelled: Mask
    """Where there is a label."""
    values: npt.NDArray[np.float64]
    ratings: npt.NDArray[np.float64]
    truths: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    drawn: npt.NDArray[np.float64]


class Labelling:
    """The join's predicate, and the verdict on each pair of a row and an event that it holds for.

    A row keeps its first label and its first rating; a text has one loss, of the first of both or a correction. The
    first that corrects it after that is told too, and changes no loss: users, not the outcome, may say it.
    """

    def __init__(self, spec: MonitorSpec, groups: Groups, accounting: Accounting) -> None:
        models = spec.models.values()
        self._groups = groups
        self._accounting = accounting
        self._lateness = spec.feedback_lateness
        self._regression = np.array([model.task == "regression" for model in models], dtype=bool)
        self._text = np.array([model.task == "text" for model in models], dtype=bool)
        self._chooses = np.array([chooses(model) for model in models], dtype=bool)
        self._keys: dict[str | None, int] = {}

    def fits(self, groups: npt.NDArray[np.int32], row_times: npt.NDArray[np.int64], said: Said) -> Mask:
        """Return which pairs of a row and what is said belong together."""
        fits = self.means(said.models, said.versions, groups)
        fits &= said.times - self._groups.horizon[self._groups.model(groups)] <= row_times
        fits &= row_times <= said.times + self._lateness
        return fits & (self._says(groups, said) | ~np.isnan(said.ratings))

    def means(
        self, models: npt.NDArray[np.int32], versions: npt.NDArray[np.int64], groups: npt.NDArray[np.int32]
    ) -> Mask:
        """Return which feedback is on the model and version of its row, as far as it names them."""
        means: Mask = (models == NO_MODEL) | (models == self._groups.model(groups))
        means &= (versions == NO_VERSION) | (versions == self._groups.version(groups))
        return means

    def tell(self, log: PendingLog, rows: Numbers, said: Said, fits: Mask) -> tuple[list[Joined], Mask, Mask]:
        """Tell `rows`, which all differ, what is said of them where it fits.

        Returns of which rows it was news, later corrections apart, and which it contradicts, besides what was joined.
        A row that was chosen may be told its label again by what came by itself: that is REPEATED, and no news.
        """
        groups, flags = log.rows.of("group", rows), log.rows.of("flags", rows)
        labelled, was_rated = (flags & LABELLED) != 0, (flags & RATED) != 0
        says, rated = self._says(groups, said), ~np.isnan(said.ratings)
        open_ = fits & ~(self._text[self._groups.model(groups)] & (labelled | was_rated))
        new_label = open_ & says & ~labelled
        new_rating = open_ & rated & ~was_rated
        conflicts = open_ & says & labelled & (log.rows.of("truth", rows) != said.truths)
        news = new_label | new_rating
        corrects = _correct(said.sources)
        later = fits & says & ~new_label & (corrects | _annotate(said.sources)) & ((flags & CORRECTED) == 0)
        if later.any():
            later &= ~(labelled & _repeats(said, log.rows.of("truth", rows)))
        repeats: list[Joined] = []
        if self._chooses.any():
            chosen = self._are_chosen(groups, said)
            text = self._text[self._groups.model(groups)]
            again = fits & ~(chosen | new_label | later) & ((flags & CHOSEN) != 0) & (says | (text & rated))
            flags = _unchosen(flags, again)
            if again.any():
                log.rows.set("flags", rows, flags)
                repeats.append(_again(log, rows, said, says, text, np.flatnonzero(again)))
        at = np.flatnonzero(news | later)
        if not len(at):
            return repeats, news, conflicts
        log.rows.set("truth", rows[new_label], said.truths[new_label])
        new_said = new_label | later
        kinds = _bit(new_label, LABELLED) | _bit(new_rating, RATED)
        kinds |= _bit(later | (new_label & corrects), CORRECTED)
        kinds |= _bit(new_said & (corrects | (said.sources == _USER)), USER)
        log.rows.set("flags", rows, flags | kinds)
        if self._chooses.any():
            kinds |= _bit(chosen, CHOSEN)
            log.rows.set("flags", rows, flags | kinds & ~_bit(~(new_label | (text & news)), CHOSEN))
        labels = [
            label if new else None
            for label, new in zip(map(said.labels.__getitem__, at.tolist()), new_said[at].tolist(), strict=True)
        ]
        joined = Joined(
            log,
            rows[at],
            kinds[at],
            said.times[at],
            labels,
            np.where(new_said[at], said.values[at], np.nan),
            np.where(new_rating[at], said.ratings[at], np.nan),
            said.truths[at],
            said.offsets[at],
            said.drawn[at],
        )
        return [joined, *repeats], news, conflicts

    def note_conflicts(self, sources: npt.NDArray[np.int8]) -> None:
        """Count feedback, by who says so, that contradicts the label before it."""
        if len(sources):
            corrected = int((_correct(sources) | _annotate(sources)).sum())
            self._accounting.note("feedback", "corrected", corrected)
            self._accounting.note("feedback", "conflicting", len(sources) - corrected)

    def truths(self, events: FeedbackColumns) -> npt.NDArray[np.int64]:
        """Return keys of what feedback says: two are the same when label and number are."""
        new = {label for label in events.labels if label not in self._keys}
        if new:
            if len(self._keys) + len(new) > _MOST_KEYS:
                self._keys.clear()
                new = set(events.labels)
            self._keys.update(zip(new, _label_keys(list(new)).tolist(), strict=True))
        keys = np.fromiter(map(self._keys.__getitem__, events.labels), np.int64, len(events))
        return keys ^ _number_keys(events.values)

    def _are_chosen(self, groups: npt.NDArray[np.int32], said: Said) -> Mask:
        """Return which answers are to requests of strategies and rules: those of annotators, but for drawn rows."""
        chosen: Mask = self._chooses[self._groups.model(groups)] & _annotate(said.sources)
        return chosen & np.isnan(said.drawn)

    def _says(self, groups: npt.NDArray[np.int32], said: Said) -> Mask:
        """Return whether it says what the task asks for."""
        return np.where(self._regression[self._groups.model(groups)], ~np.isnan(said.values), said.labelled)


def said_by(events: FeedbackColumns, truths: npt.NDArray[np.int64]) -> Said:
    """Return what events say; `truths` are the keys of it."""
    return Said(
        events.times,
        events.sources,
        events.models,
        events.versions,
        events.labels,
        _labelled(events.labels),
        events.values,
        events.ratings,
        truths,
        events.offsets,
        events.drawn,
    )


def said_by_waiting(waiting: FeedbackLog, events: Numbers) -> Said:
    """Return what waiting events say."""
    labels = waiting.labels(events)
    return Said(
        waiting.of("time", events),
        waiting.of("source", events),
        waiting.of("model", events),
        waiting.of("version", events),
        labels,
        _labelled(labels),
        waiting.of("value", events),
        waiting.of("rating", events),
        waiting.of("truth", events),
        waiting.of("offset", events),
        waiting.drawn(events),
    )


def _label_keys(labels: list[str | None]) -> npt.NDArray[np.int64]:
    return id_hashes(["" if label is None else f"={label}" for label in labels])[:, 0].astype(np.int64)


def _number_keys(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.where(np.isnan(values), np.nan, values + 0.0).view(np.int64)


_NO_LABEL, _NO_NUMBER = _label_keys([None]), _number_keys(np.array([np.nan]))


def _repeats(said: Said, truths: npt.NDArray[np.int64]) -> Mask:
    """Return whether what is said is what rows were told before, as far as that was a label, or a number, alone.

    A correction may be both: the text of a number.
    """
    numbers = _number_keys(said.values)
    same: Mask = (truths == said.truths) | (truths == said.truths ^ numbers ^ _NO_NUMBER)
    same |= truths == _NO_LABEL ^ numbers
    return same


def _correct(sources: npt.NDArray[np.int8]) -> Mask:
    found: Mask = (sources == _CORRECTION) | (sources == _ANNOTATOR_CORRECTION)
    return found


def _annotate(sources: npt.NDArray[np.int8]) -> Mask:
    found: Mask = (sources == _ANNOTATOR) | (sources == _ANNOTATOR_CORRECTION)
    return found


def _unchosen(flags: npt.NDArray[np.uint8], again: Mask) -> npt.NDArray[np.uint8]:
    return np.where(again, flags & ~np.uint8(CHOSEN), flags)


def _again(log: PendingLog, rows: Numbers, said: Said, says: Mask, text: Mask, at: Numbers) -> Joined:
    """Return what is said once more of chosen rows, as what their labels would have been if nobody had been asked."""
    corrects = says & _correct(said.sources)
    kinds = _bit(says, LABELLED) | _bit(corrects, CORRECTED) | _bit(corrects | (says & (said.sources == _USER)), USER)
    return Joined(
        log,
        rows[at],
        kinds[at] | np.uint8(REPEATED),
        said.times[at],
        [said.labels[place] if says[place] else None for place in at.tolist()],
        np.where(says[at], said.values[at], np.nan),
        np.where(text[at], said.ratings[at], np.nan),  # of all others, a rating is news of its own
        said.truths[at],
        said.offsets[at],
        said.drawn[at],
    )


def _bit(mask: Mask, bit: int) -> npt.NDArray[np.uint8]:
    return np.where(mask, bit, 0).astype(np.uint8)


def _labelled(labels: list[str | None]) -> Mask:
    return np.array([label is not None for label in labels], dtype=bool)
