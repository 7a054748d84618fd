"""`LabelRequest` of a row that is wanted."""

from detectors.curation.draw import Wanted
from detectors.pane import ClosedPane
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros
from schemas.label_request import LabelRequest
from schemas.spec import ModelSpec


def deadline(spec: ModelSpec, time: Micros, now: Micros) -> Micros:
    """Return until when the label of a row of `time` is wanted, if it is asked for now."""
    joined, within = time + spec.label_horizon, spec.label_requests.answer_within
    return joined if within is None else min(joined, now + within)


def request_of(pane: ClosedPane, wanted: Wanted) -> LabelRequest:
    """Return the request; the same row has the same id, whenever and why ever it is asked for."""
    row, spec = wanted.sampled.row, pane.layout.spec
    output = {"label": row.label, "score": row.score, "value": row.value, "text": row.text}
    return LabelRequest(
        id=deterministic_id("label_request", pane.key.model, pane.key.version, row.time, row.id),
        model=pane.key.model,
        version=pane.key.version,
        prediction_id=row.id,
        prediction_time=from_micros(row.time),
        time=from_micros(pane.due),
        deadline=from_micros(deadline(spec, row.time, pane.due)),
        reason=wanted.reason,
        rule=wanted.rule,
        detail=wanted.detail,
        inclusion_probability=wanted.probability,
        features=dict(zip(spec.features, row.features, strict=True)),
        output={name: value for name, value in output.items() if value is not None},
    )
