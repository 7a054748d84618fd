"""Disagreement: rows on which the model and its challenger say different things; one of them is wrong."""

import math

from detectors.curation.known import Choice, Known, Ranking
from detectors.curation.uncertainty import LEARNT, NO_CHALLENGER, NOT_LEARNT
from schemas.spec import ModelSpec


def disagreement(known: Known) -> Ranking:
    """Rank rows on which the two differ: numbers by how far, classes as they come.

    References
    ----------
    Seung, Opper and Sompolinsky, "Query by committee", COLT 1992.
    """
    challenger = known.challenger
    if challenger is None or challenger.learnt < LEARNT:
        return Ranking([], NO_CHALLENGER if challenger is None else NOT_LEARNT)
    spec = known.pane.layout.spec
    found = []
    for sampled in known.rows:
        said = sampled.row.value if spec.task == "regression" else sampled.row.label
        if said is None:
            continue
        other = challenger.predict(sampled.row.features)
        distance = _distance(spec, said, other)
        if distance > 0:
            words = f"the model says {_shown(said)}, the challenger {_shown(other)}"
            found.append((-distance, Choice(sampled, words)))
    return Ranking([choice for _, choice in sorted(found, key=lambda one: one[0])])


def _distance(spec: ModelSpec, said: str | float, other: str | float) -> float:
    if isinstance(said, float) and isinstance(other, float):
        distance = abs(said - other)
        return distance if math.isfinite(distance) else 0.0
    if spec.task == "binary":  # whatever the other class is called
        return float((said == spec.positive_label) != (other == spec.positive_label))
    return float(said != other)


def _shown(said: str | float) -> str:
    return f"{said:.4g}" if isinstance(said, float) else said or "a class of its own"
