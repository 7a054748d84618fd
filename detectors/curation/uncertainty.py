"""Uncertainty sampling: rows of which the model was least sure."""

from collections.abc import Iterable

import numpy as np

from detectors.curation.known import Choice, Known, Ranking
from detectors.sampled_row import SampledRow

LEARNT = 200  # rows from which on what the challenger's models say is more than where they began

NOT_LEARNT = f"the challenger has learnt from fewer than {LEARNT} labelled rows"
NO_CHALLENGER = "there is no challenger"
NO_SCORE = "no prediction of the pane carries a score"


def uncertainty(known: Known) -> Ranking:
    """Rank rows by how unsure their prediction is.

    Binary: by the distance of the score from the threshold. Multiclass: by the margin between the two likeliest
    classes. Regression, where a number says nothing of how sure it is: by how far the challenger's models are apart.

    References
    ----------
    Settles, "Active learning literature survey", 2009: uncertainty sampling, and query by committee.
    """
    spec = known.pane.layout.spec
    if spec.task == "regression":
        return _spread(known)
    if spec.task == "text":
        return Ranking([], NO_SCORE)
    if not known.pane.n > int(known.pane.view("no_score")[0]):
        return Ranking([], NO_SCORE)
    found: list[tuple[float, SampledRow, str]] = []
    for sampled in known.rows:
        row = sampled.row
        if spec.task == "binary" and row.score is not None and np.isfinite(row.score):
            distance = abs(row.score - spec.threshold)
            found.append((distance, sampled, f"score {row.score:.4g}, {distance:.2g} from the threshold"))
        elif spec.task == "multiclass" and row.extras and (margin := row.extras[-1]) is not None:
            found.append((margin, sampled, f"the two likeliest classes are {margin:.2g} apart"))
    return Ranking(_smallest(found))


def _spread(known: Known) -> Ranking:
    challenger = known.challenger
    if challenger is None or challenger.learnt < LEARNT:
        return Ranking([], NO_CHALLENGER if challenger is None else NOT_LEARNT)
    found = []
    for sampled in known.rows:
        votes = np.array(challenger.votes(sampled.row.features), dtype=np.float64)
        spread = float(votes.std())
        if spread > 0 and np.isfinite(spread):
            found.append((-spread, sampled, f"the challenger's models lie {spread:.3g} apart (standard deviation)"))
    return Ranking(_smallest(found))


def _smallest(found: Iterable[tuple[float, SampledRow, str]]) -> list[Choice]:
    return [Choice(sampled, detail) for _, sampled, detail in sorted(found, key=lambda one: one[0])]
