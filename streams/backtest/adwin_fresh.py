"""ADWIN + fresh, the usual way: retrain on the rows of ADWIN's window whenever it says that the loss has risen.

Once there are minimum_labels of them, that is. It is no policy of ours; it stands in the comparison for those who would
use it.
"""

import numpy as np

from detectors.adwin import GuardedAdwin
from streams.backtest.candidates import Candidates
from streams.backtest.course import Course


def adwin_fresh(candidates: Candidates) -> Course:
    """Return the course of ADWIN over the losses as they become known, with a new ADWIN for each new model."""
    history, points = candidates.history, candidates.points
    labelled = np.flatnonzero(history.labelled)
    order = labelled[np.argsort(history.known[labelled], kind="stable")]
    known = history.known[order]
    course, adwin, fed, width = Course(candidates), GuardedAdwin(), 0, 0
    least = history.spec.retraining.minimum_labels
    seen: list[int] = []
    for point, moment in enumerate(points.moments.tolist()):
        until = int(np.searchsorted(known, moment, side="left"))
        at, before = order[fed:until], course.serving[point]
        for place, loss in zip(at.tolist(), course.losses_of(at).tolist(), strict=True):
            seen.append(place)
            if adwin.update(loss) and adwin.rose:
                width = adwin.width
            elif width:
                width += 1
        fed = until
        if width > least:
            begin = int(history.times[seen[-width:]].min())
            done = course.retrain(moment, begin, f"ADWIN: the loss rose over the last {width:,} rows")
            width = 0
            if done is not None and done.serves != before:
                adwin = GuardedAdwin()
    return course
