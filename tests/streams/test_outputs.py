"""Outputs of level 2 as records: one topic for each kind, by model, with the id as the identity."""

import pytest

from schemas.catalogue import CONTRACTS
from schemas.event_time import rfc3339, to_micros
from schemas.examples import EXAMPLES
from streams.outputs import outgoing_of

KINDS = {
    "alert": "alerts",
    "retraining_trigger": "triggers",
    "label_request": "label_requests",
    "pane_report": "pane_reports",
    "schema_change": "schema_changes",
}


@pytest.mark.parametrize(("kind", "destination"), KINDS.items())
def test_an_output_goes_to_its_topic_by_model_and_is_read_back_as_it_was(kind: str, destination: str) -> None:
    output = CONTRACTS[kind].type.model_validate(EXAMPLES[kind])
    outgoing = outgoing_of(output)
    assert (outgoing.destination, outgoing.key, outgoing.partition) == (destination, output.model.encode(), None)
    assert type(output).model_validate_json(outgoing.value or b"") == output
    headers = dict(outgoing.headers)
    assert headers["ce_id"] == output.id.encode()
    assert headers["ce_time"] == rfc3339(to_micros(output.time)).encode()
    assert headers["ce_subject"] == output.model.encode()
    assert headers["ce_type"] == CONTRACTS[kind].event_type.encode()


def test_the_same_output_is_the_same_bytes() -> None:
    output = CONTRACTS["alert"].type.model_validate(EXAMPLES["alert"])
    assert outgoing_of(output) == outgoing_of(output.model_copy(deep=True))
