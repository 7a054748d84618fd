"""Which settings the state depends on, and how a change of one is named."""

from typing import Any

import pytest

from detectors.layouts import Layouts
from schemas.spec import MonitorSpec
from streams.state_fingerprint import Fingerprints, changed, state_fingerprints

MODEL: dict[str, Any] = {
    "task": "regression",
    "features": {"x": "numeric"},
    "pane": "1h",
    "label_horizon": "7d",
    "false_alarms": "1 per 90d",
    "reference": "m.json",
}


def fingerprints(**changes: Any) -> Fingerprints:
    spec = MonitorSpec.model_validate({"models": {"m": MODEL | changes, "other": MODEL}})
    return state_fingerprints(spec, Layouts(spec.models, {}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, []),
        ({"label_maturity": "4d"}, ["models.m.label_maturity"]),
        ({"pane": "2h", "features": {"x": "text"}}, ["models.m.features", "models.m.pane"]),
        ({"lateness": "2h"}, ["lateness of feedback", "models.m.lateness"]),
        ({"false_alarms": "1 per 30d", "minimum_effect": {"drift": 0.1}, "costs": {"loss": 1}}, []),
    ],
)
def test_settings_that_differ_are_named_and_those_that_shape_nothing_are_not(
    changes: dict[str, Any], named: list[str]
) -> None:
    assert changed(fingerprints(), fingerprints(**changes)) == named


def test_a_model_is_named_where_its_state_does_not_tell_its_settings() -> None:
    old = {name: value[:16] for name, value in fingerprints().items()}
    assert changed(old, fingerprints()) == []
    assert changed(old, fingerprints(pane="2h")) == ["models.m"]


def test_models_that_come_or_go_change_nothing() -> None:
    now = fingerprints()
    assert changed({name: now[name] for name in now if name != "models.other"}, now) == []
