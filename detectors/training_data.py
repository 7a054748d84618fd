"""From a window of cohorts to `TrainingData`: which rows a trigger says to train on, and which to keep for tests."""

import hashlib
from collections.abc import Sequence

from detectors.history import Cohort
from detectors.layout import Layout
from detectors.lineage import Part
from detectors.must_have_slices import must_have_slices
from detectors.situation import Situation
from schemas.dataset_spec import DatasetSpec
from schemas.event_time import SECOND, Micros, from_micros
from schemas.trigger import Holdout, MustHaveRows, SamplePlan, TrainingData, VersionWindow, Window

MOST_WANTED = 200  # labels that are still wanted


def training_data(situation: Situation, trigger: str, since: Micros, parts: Sequence[Part] = ()) -> TrainingData:
    """Return what to train on: what came since a moment, in whole panes, broken data left out.

    Parameters
    ----------
    trigger
        Its id, which the draw of the sample depends on: the same trigger gives the same rows.
    parts
        Which version's cohorts the history has when, where they are not all of one version.
    """
    span = situation.history.since(since)
    cohorts = situation.whole(span)
    start = span[0].start if span else since  # what is forgotten is not promised
    end = max(start, span[-1].end if span else situation.now)
    spec = situation.layout.spec.retraining.dataset
    return TrainingData(
        window=Window(start=from_micros(start), end=from_micros(end)),
        exclude=gaps(span, cohorts),
        versions=_versions(parts, start, end),
        labelled_rows=sum(cohort.trainable for cohort in cohorts),
        slices=must_have_slices(situation.layout, cohorts, spec.max_rows),
        labels_until=from_micros(situation.now),
        sample=_sample(spec, trigger, end - start, situation.layout),
        must_have=[MustHaveRows(where=one.where, at_least=one.at_least) for one in spec.must_have],
        pinned=list(spec.pinned),
        holdout=Holdout(share=spec.holdout, max_rows=spec.holdout_rows, seed=holdout_seed(situation.layout.model)),
        wanted_labels=list(situation.unanswered(start, end, MOST_WANTED)),
    )


def holdout_seed(model: str) -> int:
    """Return the seed of the rows that are held out: one for each model, for ever.

    Whether a row may be held out then depends on its id alone, so a row that one trigger holds out is in no training
    set of a later one, however their windows overlap.
    """
    return seed(model, "holdout")


def seed(trigger: str, what: str) -> int:
    """Return the seed of one draw: 32 bits, which any language holds.

    Examples
    --------
    >>> seed("trigger 1", "sample") == seed("trigger 1", "sample") != seed("trigger 2", "sample")
    True
    """
    return int.from_bytes(hashlib.blake2b(f"{trigger}\x1f{what}".encode(), digest_size=4).digest(), "big")


def gaps(span: list[Cohort], whole: list[Cohort]) -> list[Window]:
    """Return the stretches of a window in which data was broken."""
    found: list[tuple[Micros, Micros]] = []
    for cohort in span:
        if cohort in whole:
            continue
        if found and found[-1][1] == cohort.start:
            found[-1] = (found[-1][0], cohort.end)
        else:
            found.append((cohort.start, cohort.end))
    return [Window(start=from_micros(start), end=from_micros(end)) for start, end in found]


def _versions(parts: Sequence[Part], start: Micros, end: Micros) -> list[VersionWindow]:
    """Return whose rows are used when, without a gap between them."""
    mine = [part for part in parts if part.start < end and part.end > start]
    starts = [start, *(part.start for part in mine[1:]), end]
    return [
        VersionWindow(start=from_micros(starts[n]), end=from_micros(starts[n + 1]), version=part.version)
        for n, part in enumerate(mine)
    ]


def _sample(spec: DatasetSpec, trigger: str, length: Micros, layout: Layout) -> SamplePlan:
    half_life = None
    if spec.sample == "recency":
        quarter = max(length, layout.spec.pane) // 4 // SECOND * SECOND
        half_life = spec.half_life or max(SECOND, quarter)
    return SamplePlan(method=spec.sample, max_rows=spec.max_rows, seed=seed(trigger, "sample"), half_life=half_life)
