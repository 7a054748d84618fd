"""Label requests: when too few labels came to judge a cohort, ask for those of a uniform sample of its rows."""

import numpy as np

from detectors.id_hash import id_hashes
from detectors.pane import ClosedPane
from detectors.sampled_row import SampledRow
from schemas.contract import deterministic_id
from schemas.event_time import from_micros
from schemas.label_request import LabelRequest


def label_requests(pane: ClosedPane) -> list[LabelRequest]:
    """Return requests for unlabelled rows of a cohort whose coverage is too low: those with the smallest hashes.

    A row that is past `label_horizon` when the cohort is judged is not asked for: its label would not be joined.
    """
    spec, labelled = pane.layout.spec, int(pane.view("losses").sum())
    if pane.n == 0 or labelled >= spec.label_coverage * pane.n or pane.layout.loss_scale is None:
        return []
    unlabelled = [sampled for sampled in pane.sample if sampled.label is None]
    waiting = [sampled for sampled in unlabelled if sampled.row.time + spec.label_horizon > pane.due]
    hashes = id_hashes([sampled.row.id for sampled in waiting])[:, 0]
    order = np.argsort(hashes, kind="stable")[: spec.label_requests.per_pane]
    chosen = [waiting[position] for position in order.tolist()]
    if not chosen:
        return []
    # of all unlabelled rows, as many can still be asked for as of those in the sample
    population = (pane.n - labelled) * len(waiting) / len(unlabelled)
    return [_request(pane, sampled, min(1.0, len(chosen) / population)) for sampled in chosen]


def _request(pane: ClosedPane, sampled: SampledRow, probability: float) -> LabelRequest:
    row, spec = sampled.row, pane.layout.spec
    output = {"label": row.label, "score": row.score, "value": row.value, "text": row.text}
    return LabelRequest(
        id=deterministic_id("label_request", pane.key.model, pane.key.version, row.time, row.id),
        model=pane.key.model,
        version=pane.key.version,
        prediction_id=row.id,
        prediction_time=from_micros(row.time),
        time=from_micros(pane.due),
        deadline=from_micros(row.time + spec.label_horizon),
        reason="coverage",
        inclusion_probability=probability,
        features=dict(zip(spec.features, row.features, strict=True)),
        output={name: value for name, value in output.items() if value is not None},
    )
