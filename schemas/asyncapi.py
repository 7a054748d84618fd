"""The AsyncAPI 3.0 document: which topics people write to and read from, what is in them, and how they are keyed."""

from dataclasses import dataclass
from typing import Any, Literal

import yaml

from schemas.catalogue import CONTRACTS, Contract
from schemas.examples import EXAMPLES
from schemas.kafka_spec import Topics

Node = dict[str, Any]

SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
BINDING = "0.5.0"


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic that people use, from the application's point of view: it receives from it or sends to it."""

    topic: str
    """Field of `schemas.kafka_spec.Topics`."""
    action: Literal["send", "receive"]
    contracts: tuple[str, ...]
    key: str
    description: str


CHANNELS = (
    Channel("predictions", "receive", ("prediction", "watermark"), "prediction_id", "What the models answered."),
    Channel("feedback", "receive", ("feedback", "watermark"), "prediction_id", "What became known about it."),
    Channel("commands", "receive", ("command",), "model", "What people and the retraining side tell the monitor."),
    Channel("alerts", "send", ("alert",), "model", "Something changed: for people on call."),
    Channel("triggers", "send", ("retraining_trigger",), "model", "Retrain, why, and on what: for the training side."),
    Channel("label_requests", "send", ("label_request",), "model", "Rows whose label is worth getting."),
    Channel("pane_reports", "send", ("pane_report",), "model", "All readings of each closed pane."),
    Channel("schema_changes", "send", ("schema_change",), "model", "A feature appeared, vanished or changed its type."),
    Channel("decisions", "send", ("retraining_decision",), "model", "What policies came to, be it yes or no."),
    Channel("advice", "send", ("advice",), "model", "What to fall back on at once."),
    Channel("outcomes", "send", ("trigger_outcome",), "model", "Whether each retraining helped."),
    Channel("serving", "send", ("serving",), "model", "Which version should answer; compacted, the newest holds."),
    Channel("dead_letters", "send", ("dead_letter",), "the original key", "Events that broke their contract."),
)

_KEYS = {
    "prediction_id": "The prediction id. Partition with murmur2 (Java's default; librdkafka: "
    "partitioner=murmur2_random), the same on both topics, which have the same number of partitions.",
    "model": "The model.",
    "the original key": "The key of the refused record.",
}


def asyncapi() -> str:
    """Return the document as YAML."""
    text: str = yaml.safe_dump(_document(), sort_keys=False, allow_unicode=True, width=120)
    return "# Generated from the contracts by `streamgauge schema export`.\n" + text


def _document() -> Node:
    topics = Topics()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Streamgauge",
            "version": "1.0.0",
            "description": "Topic names are the defaults; the monitor file may give others (kafka.topics).",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "localhost:9092",
                "protocol": "kafka",
                "description": "The broker of the monitor file (kafka.bootstrap).",
            }
        },
        "channels": {channel.topic: _channel(channel, getattr(topics, channel.topic)) for channel in CHANNELS},
        "operations": {_operation_name(channel): _operation(channel) for channel in CHANNELS},
        "components": {
            "messages": {name: _message(CONTRACTS[name], key) for name, key in _messages()},
            "messageTraits": {
                "cloudEvent": {"headers": _headers(required=True)},
                "maybeCloudEvent": {"headers": _headers(required=False)},
            },
        },
    }


def _messages() -> list[tuple[str, str]]:
    return list({name: channel.key for channel in CHANNELS for name in channel.contracts}.items())


def _channel(channel: Channel, address: str) -> Node:
    return {
        "address": address,
        "description": channel.description,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.contracts},
        "bindings": {"kafka": {"bindingVersion": BINDING}},
    }


def _operation_name(channel: Channel) -> str:
    return f"{channel.action}_{channel.topic}"


def _operation(channel: Channel) -> Node:
    return {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.topic}"},
        "summary": channel.description,
        "messages": [{"$ref": f"#/channels/{channel.topic}/messages/{name}"} for name in channel.contracts],
        "bindings": {"kafka": {"bindingVersion": BINDING}},
    }


def _message(contract: Contract, key: str) -> Node:
    message: Node = {
        "name": contract.title,
        "title": contract.title,
        "contentType": "application/json",
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./{contract.name}.schema.json"}},
        "examples": [{"name": contract.name, "payload": EXAMPLES[contract.name]}],
    }
    if contract.name == "watermark":
        message["description"] = "A control event without a key, one to every partition: all up to here has been sent."
    else:
        message["bindings"] = {
            "kafka": {"key": {"type": "string", "description": _KEYS[key]}, "bindingVersion": BINDING}
        }
    if contract.name == "dead_letter":
        return {**message, **_DEAD_LETTER}
    kind = "cloudEvent" if contract.mode == "serialization" else "maybeCloudEvent"
    return {**message, "traits": [{"$ref": f"#/components/messageTraits/{kind}"}]}


_DEAD_LETTER: Node = {
    "contentType": "application/octet-stream",
    "description": "The value is the original bytes, and what went wrong stands in the headers. "
    "Files of dead letters (`replay`) follow dead_letter.schema.json instead.",
    "payload": {"type": "string", "format": "binary"},
    "headers": {
        "type": "object",
        "description": "The original headers, ours as a CloudEvent in place of those of the same name, and KIP-1034's.",
        "properties": {
            "ce_id": {"type": "string", "description": "Handle each id once"},
            "ce_type": {"type": "string", "const": CONTRACTS["dead_letter"].event_type},
            "__streams.errors.topic": {"type": "string"},
            "__streams.errors.partition": {"type": "string"},
            "__streams.errors.offset": {"type": "string"},
            "__streams.errors.exception": {"type": "string", "description": "The reason, such as contract or not_json"},
            "__streams.errors.message": {"type": "string", "description": "Where in the event, found and allowed"},
        },
    },
    "examples": [{"name": "dead_letter", "payload": '{"prediction_id": "loan-000173"}'}],
}


def _headers(*, required: bool) -> Node:
    """CloudEvents 1.0 in binary mode, as Kafka headers."""
    node: Node = {
        "type": "object",
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": {"type": "string", "minLength": 1, "description": "Handle each id once"},
            "ce_type": {"type": "string", "minLength": 1, "description": "Such as io.streamgauge.alert.v1"},
            "ce_source": {"type": "string", "minLength": 1},
            "ce_time": {"type": "string", "format": "date-time", "description": "Event time"},
            "ce_subject": {"type": "string", "description": "The model"},
            "ce_dataschema": {"type": "string", "description": "The $id of the JSON Schema of the value"},
            "content-type": {"type": "string"},
        },
    }
    if required:
        node["required"] = ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_dataschema"]
    else:
        node["description"] = "Optional: plain JSON, and CloudEvents in structured mode, are read as well."
    return node
