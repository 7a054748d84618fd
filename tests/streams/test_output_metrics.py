"""What level 2 publishes is counted as anybody else would read it."""

from typing import Any

import pytest

from schemas.catalogue import CONTRACTS
from schemas.examples import EXAMPLES
from streams.metrics import REGISTRY
from streams.output_metrics import count_outputs
from streams.outputs import outgoing_of


@pytest.mark.parametrize(
    ("kind", "metric", "labels", "changes"),
    [
        ("alert", "alerts", {"severity": "alarm", "signal": "error_rate"}, {}),
        ("retraining_trigger", "triggers", {"policy": "performance"}, {}),
        ("schema_change", "schema_changes", {"kind": "vanished"}, {}),
        ("schema_change", "schema_changes", {"kind": "over"}, {"over": True}),
    ],
)
def test_each_output_is_counted_once(kind: str, metric: str, labels: dict[str, str], changes: dict[str, Any]) -> None:
    named = {"model": "counted", **labels}
    name = f"streamgauge_{metric}_total"
    before = REGISTRY.get_sample_value(name, named) or 0.0
    event = CONTRACTS[kind].type.model_validate({**EXAMPLES[kind], "model": "counted", **changes})
    count_outputs([outgoing_of(event)])
    assert REGISTRY.get_sample_value(name, named) == before + 1
