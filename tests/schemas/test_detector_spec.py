"""The `detectors` of a model: a name is short for a mapping, and what cannot work is refused."""

from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas.catalogue import CONTRACTS
from schemas.detector_spec import ANY_LOSS, AdwinSpec, AnyDetector, DetectorName
from schemas.examples import EXAMPLES
from schemas.publish import json_schema
from schemas.spec import ModelSpec

MODEL = {
    "task": "binary",
    "positive_label": "1",
    "features": {"income": "numeric"},
    "pane": "1d",
    "label_horizon": "30d",
    "false_alarms": "1 per 90d",
    "reference": "profile.json",
}


def detectors(written: Any, **changes: Any) -> list[AnyDetector]:
    return ModelSpec.model_validate({**MODEL, **changes, "detectors": written}).detectors


def test_a_model_that_names_none_has_none() -> None:
    assert ModelSpec.model_validate(MODEL).detectors == []


def test_a_name_alone_has_the_defaults() -> None:
    assert detectors(["adwin"]) == [AdwinSpec(type="adwin", delta=0.002)]


@pytest.mark.parametrize("name", get_args(DetectorName))
def test_a_name_is_short_for_a_mapping_without_parameters(name: str) -> None:
    (found,) = detectors([name])
    assert found.type == name
    assert [found] == detectors([{"type": name}])


def test_every_kind_has_a_name() -> None:
    kinds = [get_args(kind.model_fields["type"].annotation) for kind in get_args(AnyDetector)]
    assert [name for (name,) in kinds] == [*get_args(DetectorName)]


@pytest.mark.parametrize("task", ["regression", "text"])
@pytest.mark.parametrize("name", get_args(DetectorName))
def test_what_asks_for_right_or_wrong_is_for_classifiers(name: str, task: str) -> None:
    if name in ANY_LOSS:
        assert detectors([name], task=task, positive_label=None)
        return
    allowed = f"'{name}' asks for right or wrong, and a {task} model may have adwin, kswin, page_hinkley"
    with pytest.raises(ValidationError, match=allowed):
        detectors([name], task=task, positive_label=None)


@pytest.mark.parametrize(
    ("written", "valid"),
    [
        ([], True),
        (["adwin", "ddm"], True),
        (["adwin", {"type": "ddm", "drift_threshold": 2}], True),
        ([{"type": "kswin", "window_size": 60, "stat_size": 30}], True),
        ([{"type": "fhddm", "short_window_size": 20}], True),
        ("adwin", False),
        (["adwim"], False),
        ([{"delta": 0.1}], False),
        ([{"type": "adwin", "threshold": 3}], False),
        ([{"type": "adwin", "delta": 0}], False),
        ([{"type": "page_hinkley", "threshold": -1}], False),
        ([{"type": "page_hinkley", "mode": "up"}], False),
        ([{"type": "eddm", "beta": 1}], False),
        ([{"type": "kswin", "window_size": 1_000_000}], False),
        ([5], False),
    ],
)
def test_schema_and_contract_agree(written: Any, valid: bool) -> None:
    spec = EXAMPLES["monitor_spec"]
    value = {**spec, "models": {"car_loan": {**spec["models"]["car_loan"], "detectors": written}}}
    assert Draft202012Validator(json_schema(CONTRACTS["monitor_spec"])).is_valid(value) is valid
    try:
        detectors(written)
    except ValidationError:
        assert not valid
    else:
        assert valid


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (["ddm", "adwin", {"type": "ddm"}], "'ddm' is there twice"),
        ([{"type": "kswin", "window_size": 50, "stat_size": 30}], "window_size 50 is less than twice stat_size 30"),
        ([{"type": "fhddm", "short_window_size": 200}], "short_window_size 200 is above sliding_window_size 100"),
    ],
)
def test_what_only_the_contract_can_tell_is_refused_too(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        detectors(written)
