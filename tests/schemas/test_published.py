"""What is published is current, is what it says it is, and accepts what the contracts accept."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas.asyncapi import CHANNELS
from schemas.catalogue import CONTRACTS, Contract
from schemas.examples import EXAMPLES
from schemas.kafka_spec import Topics
from schemas.publish import DIALECT, documents, json_schema

PUBLISHED = Path(__file__).parents[2] / "schemas" / "published"


def contracts() -> Any:
    return pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)


def accepts(contract: Contract, value: Any) -> bool:
    try:
        contract.adapter.validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


def test_published_files_are_current():
    made = documents()
    found = {path.name: path.read_text(encoding="utf-8") for path in PUBLISHED.iterdir()}
    assert sorted(found) == sorted(made), "run make schemas"
    for name, text in made.items():
        assert found[name] == text, f"{name} is stale: run make schemas"


@contracts()
def test_each_is_a_json_schema_with_a_name(contract: Contract):
    schema = json_schema(contract)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["$id"] == f"urn:streamgauge:schema:{contract.name}:1"
    assert schema["title"] == contract.title


@contracts()
def test_its_example_satisfies_schema_and_contract(contract: Contract):
    example = EXAMPLES[contract.name]
    Draft202012Validator(json_schema(contract)).validate(example)
    assert accepts(contract, example)


@contracts()
def test_what_a_contract_writes_satisfies_its_schema(contract: Contract):
    value = contract.adapter.validate_json(json.dumps(EXAMPLES[contract.name]))
    written = json.loads(contract.adapter.dump_json(value))
    if contract.mode == "serialization":
        Draft202012Validator(json_schema(contract)).validate(written)
    assert contract.adapter.validate_json(json.dumps(written)) == value


@pytest.mark.parametrize(
    ("name", "change", "valid"),
    [
        ("feedback", {"label": None}, False),
        ("feedback", {"label": None, "rating": 0.5}, True),
        ("feedback", {"rating": 1.5}, False),
        ("feedback", {"label": True, "unknown": 1}, True),
        ("feedback", {"source": "rumour"}, False),
        ("prediction", {"output": {}}, False),
        ("prediction", {"output": {"text": "hello"}}, True),
        ("prediction", {"features": {"": 1}}, False),
        ("prediction", {"features": {"a\u0000": 1}}, False),
        ("prediction", {"features": {"a": [1]}}, False),
        ("prediction", {"model": ""}, False),
        ("prediction", {"latency_ms": -1}, False),
        ("command", {"type": "launch"}, False),
        ("command", {"extra": 1}, False),
        ("watermark", {"type": "heartbeat"}, False),
        ("monitor_spec", {"models": {}}, False),
        ("monitor_spec", {"modles": {}}, False),
    ],
)
def test_schema_and_contract_agree(name: str, change: dict[str, Any], valid: bool):
    contract = CONTRACTS[name]
    value = {**EXAMPLES[name], **change}
    assert accepts(contract, value) is valid
    assert Draft202012Validator(json_schema(contract)).is_valid(value) is valid


@pytest.mark.parametrize(
    "change",
    [
        {"features": {}},
        {"features": {"a": "number"}},
        {"features": {"a": {"type": "numeric", "range": [1]}}},
        {"false_alarms": "rarely"},
        {"pane": 5},
        {"retraining": {"policies": [{"type": "hope"}]}},
    ],
)
def test_the_monitor_file_is_checked_by_its_schema_too(change: dict[str, Any]):
    spec = EXAMPLES["monitor_spec"]
    model = spec["models"]["car_loan"]
    value = {**spec, "models": {"car_loan": {**model, **change}}}
    assert not Draft202012Validator(json_schema(CONTRACTS["monitor_spec"])).is_valid(value)


scalars = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2, allow_nan=False) | st.sampled_from(["", "1"])
)
feedback = st.fixed_dictionaries(
    {"prediction_id": st.sampled_from(["", "p1"]) | scalars, "timestamp": st.just("2026-01-31T12:00:00Z")},
    optional=dict.fromkeys(("label", "value", "rating", "correction", "model", "source"), scalars),
)


@settings(max_examples=300, deadline=None)
@given(feedback)
def test_the_schema_of_feedback_refuses_nothing_that_the_contract_accepts(value: dict[str, Any]):
    contract = CONTRACTS["feedback"]
    if accepts(contract, value) and not _coerced(value):
        Draft202012Validator(json_schema(contract)).validate(value)


def _coerced(value: dict[str, Any]) -> bool:
    """Whether pydantic reads a number out of text or a boolean, which the schema does not promise."""
    return any(isinstance(value.get(name), bool | str) for name in ("value", "rating"))


class TestAsyncAPI:
    document = yaml.safe_load(documents()["asyncapi.yaml"])

    def test_has_what_3_0_requires(self):
        assert self.document["asyncapi"] == "3.0.0"
        assert {"title", "version"} <= set(self.document["info"])
        for server in self.document["servers"].values():
            assert {"host", "protocol"} <= set(server)
        for operation in self.document["operations"].values():
            assert operation["action"] in ("send", "receive")
            assert "$ref" in operation["channel"]

    def test_every_reference_resolves(self):
        references = list(_references(self.document))
        assert len(references) > 30
        for reference in references:
            if reference.startswith("#/"):
                node = self.document
                for part in reference[2:].split("/"):
                    node = node[part]
            else:
                assert (PUBLISHED / reference).is_file(), reference

    def test_messages_of_an_operation_are_those_of_its_channel(self):
        for operation in self.document["operations"].values():
            channel = operation["channel"]["$ref"]
            assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])

    def test_every_topic_that_people_use_is_there(self):
        internal = {"summaries", "progress", "snapshots"}
        assert {channel.topic for channel in CHANNELS} == set(Topics.model_fields) - internal
        addresses = {name: channel["address"] for name, channel in self.document["channels"].items()}
        assert addresses == {name: getattr(Topics(), name) for name in addresses}

    def test_every_message_but_the_watermark_says_how_it_is_keyed(self):
        messages = self.document["components"]["messages"]
        keyed = {name for name, message in messages.items() if "bindings" in message}
        assert keyed == set(messages) - {"watermark"}


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
