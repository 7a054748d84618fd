"""Events as producers send them, and as they should not: valid ones, mutated ones, bytes that are almost JSON."""

import base64
import json
import random
from typing import Any

from schemas.event_time import SECOND, rfc3339
from schemas.spec import MonitorSpec
from streams.records import Headers, Record, Role

from .world import DAY, HOUR, MODEL, T0, spec_of

FEATURES = {"x": "numeric", "c": "categorical", "y": "numeric", "owner": "boolean", "note": "text", "when": "datetime"}
ODD_FEATURES = {"a b": "numeric", "é": "text", "f0": "numeric", "model": "categorical"}
CLASSES = ["a", "b", "c d", "1"]


def _model(task: str, features: dict[str, str] = FEATURES, **more: Any) -> dict[str, Any]:
    positive = "1" if task == "binary" else None
    return {**MODEL, "task": task, "positive_label": positive, "features": features, "segments": [], **more}


MODELS = {
    "m": _model("binary", classes=["1", "0"]),
    "open": _model("binary", {"x": "numeric"}, threshold=0.25, scores={"toxicity": None}),
    "multi": _model("multiclass", ODD_FEATURES, classes=CLASSES, scores={"b": {}, "toxicity": {"range": [0, 1]}}),
    "any class": _model("multiclass", {"c": "categorical"}),
    "r": _model("regression"),
    "t": _model("text", {"x": "numeric", "note": "text"}),
    'quo"te': _model("regression", {"x": "numeric"}),
    "slash": _model("binary", {"a\\b": "numeric", "x": "numeric"}),
}
SPEC = spec_of({"max_event_bytes": 3_000, "max_skew": "1h"}, **MODELS)


class Raw(str):
    """Bytes of a value as they stand."""


TOKENS = [
    *("null", "true", "false", "0", "-0", "-0.0", "1", "1.0", "-1", "0.5", "1e-400", "1e2", "1E+2", "0.1", "1.5"),
    *("1e999", "-1e999", "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "-", "1e", "1e1000000"),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 30, "9" * 400),
    *("1000000000000000.5", "1e300", "123456789012345678", "1.0000000000000001", "2e-324", "4.9e-324", "-1e-320"),
    *('""', '"a"', '"1"', '"true"', '"NaN"', '"0.5"', '"é"', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\u0000"'),
    *('"a\\n"', '"a\\u007f"', '"\x7f"', '"\t"', '"\\x"', '"\\/"', '"watermark"', '"specversion"', '"not 1"'),
    *(
        '"' + "x" * 128 + '"',
        '"' + "x" * 129 + '"',
        '"' + "é" * 256 + '"',
        '"' + "x" * 257 + '"',
        '"' + "x" * 513 + '"',
    ),
    *("[]", "{}", "[1]", '{"a":1}', '{"":1}', '{"a":{"b":[{"c":[1]}]}}', "[[[[[]]]]]", "[" * 230 + "]" * 230, "[" * 50),
    *(
        '"2026-01-01T00:00:00Z"',
        '"2026-01-01T00:00:00+00:00"',
        '"2026-01-01T00:00:00.1234567Z"',
        '"2026-02-29T00:00:00Z"',
    ),
    *('"2026-01-01t00:00:00z"', '"2026-01-01 00:00:00Z"', '"2026-01-01T00:00:60Z"', '"2026-01-01T24:00:00Z"'),
    *('"0999-12-31T23:59:59Z"', '"9000-01-01T00:00:00Z"', '"1000-01-01T00:00:00Z"', '"8999-12-31T23:59:59.999999Z"'),
    *(
        '"2026-01-01T00:00:00"',
        '"2026-01-01T01:00:00+01:00"',
        '"2026-01-01T00:00:00-00:00"',
        '"2024-02-29T12:00:00.5Z"',
    ),
    *('"2026-01-01T00:00:00.12345Z"', '"2026-01-01T00:00:00.Z"', '"0000-01-01T00:00:00Z"', '"2026-00-01T00:00:00Z"'),
    *(
        '"2026-01-00T00:00:00Z"',
        '"2026-13-01T00:00:00Z"',
        '"2026-01-01T00:00:00Z\\n"',
        '"٢026-01-01T00:00:00Z"',
        "1767225600",
    ),
    *('"outcome"', '"user"', '"annotator"', '"correction"', '"nobody"'),
]
KEYS = [
    *(
        "prediction_id",
        "model",
        "version",
        "timestamp",
        "features",
        "output",
        "latency_ms",
        "tags",
        "scores",
        "type",
        "specversion",
    ),
    *(
        "label",
        "score",
        "probabilities",
        "value",
        "text",
        "rating",
        "correction",
        "inclusion_probability",
        "source",
        "prediction",
        "x",
        "c",
        "é",
    ),
    *(
        "toxicity",
        "trace_id",
        "user id",
        "",
        "a\\u0000",
        "mod\\u0065l",
        "f0",
        "x0",
        "a\\\\b",
        'q\\"',
        "id",
        "data",
        "\\ud800",
        "y" * 129,
    ),
]


def number(rng: random.Random) -> Any:
    return rng.choice([rng.gauss(0, 10), rng.randrange(-5, 1_000), None, 0.0, -0.0, round(rng.random(), 2), 1e-300])


def value(rng: random.Random, kind: str) -> Any:
    if kind == "numeric":
        return number(rng)
    if kind == "boolean":
        return rng.choice([True, False, None, 0, "yes"])
    return rng.choice(["a", "b", "", "ü", None, 1, 2.5, True, "2026-01-01T00:00:00Z"])


def time(rng: random.Random, near: int = T0) -> str:
    moment = near + rng.randrange(-2 * DAY, HOUR)
    moment -= moment % rng.choice([1, 10, 1_000, 100_000, SECOND])
    text = rfc3339(moment)
    return text.replace("Z", "+00:00") if rng.random() < 0.1 else text


def output(rng: random.Random, task: str) -> dict[str, Any]:
    if task == "regression":
        return {"value": rng.choice([rng.gauss(0, 9), -0.0, 7])} | ({"label": "x"} if rng.random() < 0.1 else {})
    if task == "text":
        return {"text": rng.choice(["", "an answer", "long " * 450, "ö"])} | (
            {"score": 0.5} if rng.random() < 0.1 else {}
        )
    said: dict[str, Any] = {}
    if rng.random() < 0.7:
        said["label"] = rng.choice(["1", "0", 1, 0, True, 1.0, "a", "b", None])
    if rng.random() < 0.7:
        said["score"] = rng.choice([0, 1, 0.5, 0.25, rng.random(), -0.0, None])
    if task == "multiclass" and rng.random() < 0.8:
        names = rng.sample([*CLASSES, "other"], rng.randrange(6))
        said["probabilities"] = {name: rng.choice([0.25, 0, 1, rng.random()]) for name in names}
    return said


def prediction(rng: random.Random, spec: MonitorSpec = SPEC) -> dict[str, Any]:
    """A prediction; mostly as the monitor file has it."""
    model = rng.choice([*spec.models, "m", "m", "multi", "r"])
    declared = spec.models[model]
    names = list(declared.features)
    if rng.random() < 0.5:
        names = rng.sample(names, rng.randrange(len(names) + 1))
    features = {name: value(rng, declared.features[name].type) for name in names}
    if rng.random() < 0.05:
        features["shoe size"] = value(rng, "numeric")
    event: dict[str, Any] = {"prediction_id": f"p-{rng.randrange(50)}", "model": model, "timestamp": time(rng)}
    event |= {"features": features, "output": output(rng, declared.task)}
    optional = {
        "version": rng.choice(["1", "2", "v 3"]),
        "latency_ms": rng.choice([5, 1.5, None, 0, -0.0]),
        "tags": rng.choice([{}, {"a": "b"}, {"": "b"}, {"a\n": "b"}]) if rng.random() < 0.3 else {"k": "v"},
        "scores": {
            name: rng.choice([number(rng), 0, -0.0, 7, None])
            for name in rng.sample(["toxicity", "b", "score nobody declared", "é"], rng.randrange(5))
        },
        "trace_id": rng.choice(["abc", 7, None, {"a": [1, {"b": 2}]}, [[]]]),
        "user": "somebody",
    }
    event |= {name: one for name, one in optional.items() if rng.random() < 0.3}
    return shuffled(rng, event)


def feedback(rng: random.Random, spec: MonitorSpec = SPEC) -> dict[str, Any]:
    """Feedback; mostly as the monitor file has it."""
    event: dict[str, Any] = {"prediction_id": f"p-{rng.randrange(50)}", "timestamp": time(rng)}
    optional = {
        "model": rng.choice([*spec.models, None]),
        "version": rng.choice(["1", "2", None]),
        "source": rng.choice(["outcome", "user", "annotator"]),
        "label": rng.choice(["1", "0", 1, 0.0, True, "a", None]),
        "value": rng.choice([1, 2.5, -0.0, None]),
        "rating": rng.choice([0, 1, 0.5, -0.0, None]),
        "correction": rng.choice(["1", "0", "7.5", "nan", "1e999", "word", 3, None]),
        "inclusion_probability": rng.choice([1, 0.25, 1e-300, None, 0, -0.0]),
        "extra": [1, 2],
    }
    event |= {name: one for name, one in optional.items() if rng.random() < (0.15 if name == "correction" else 0.5)}
    if rng.random() < 0.1:
        inside = prediction(rng, spec)
        event["prediction"] = {**inside, "prediction_id": event["prediction_id"]} if rng.random() < 0.8 else inside
    return shuffled(rng, event)


def shuffled(rng: random.Random, event: dict[str, Any]) -> dict[str, Any]:
    if rng.random() < 0.7:
        return event
    names = list(event)
    rng.shuffle(names)
    return {name: event[name] for name in names}


def text(rng: random.Random, event: Any, odd: float) -> str:
    """JSON of an event; with probability `odd` at each place, something else stands there."""
    if rng.random() < odd:
        return rng.choice(TOKENS)
    if isinstance(event, dict):
        members = [
            f"{json.dumps(name, ensure_ascii=rng.random() < 0.5)}:{text(rng, one, odd)}" for name, one in event.items()
        ]
        if rng.random() < odd and members:
            members.pop(rng.randrange(len(members)))
        if rng.random() < odd:
            key = rng.choice([*KEYS, *map(str, event)]) if rng.random() < 0.7 else rng.choice(KEYS)
            members.insert(rng.randrange(len(members) + 1), f'"{key}":{rng.choice(TOKENS)}')
        if rng.random() < odd and members:
            members.append(rng.choice(members))
        return "{" + rng.choice([",", ", ", ",", " ,\n"]).join(members) + "}"
    if isinstance(event, list):
        return "[" + ",".join(text(rng, one, odd) for one in event) + "]"
    return json.dumps(event, ensure_ascii=rng.random() < 0.5)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """A byte or two of it changed, lost, repeated or cut off."""
    place = rng.randrange(len(data) + 1)
    kind = rng.randrange(6)
    if kind == 0:
        return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
    if kind == 1:
        return data[:place] + data[place + 1 :]
    if kind == 2:
        return (
            data[:place]
            + rng.choice([b"\xef\xbb\xbf", b"\x00", b"\xed\xa0\x80", b" ", b"0", b"-", b",", b"\xc3"])
            + data[place:]
        )
    if kind == 3:
        return data[:place]
    if kind == 4:
        return (
            rng.choice([b"\xef\xbb\xbf", b"\n", b"\x0b", b"[", b""])
            + data
            + rng.choice([b" \n", b"x", b"{}", b"\x00", b""])
        )
    return data[:place] + data[rng.randrange(len(data) + 1) :]


BINARY: Headers = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"s"), ("ce_type", b"t"))
OTHER_HEADERS: list[Headers] = [
    (("traceparent", b"00-1"),),
    (*BINARY, ("content-type", b"application/json")),
    (*BINARY, ("content-type", b"application/avro")),
    (("ce_specversion", b"0.3"),),
    (("content-type", b"application/cloudevents+json"),),
    (("content-type", b"application/cloudevents-batch+json"),),
]


def record(rng: random.Random, role: Role, offset: int, odd: float = 0.02) -> Record:
    """A record of a topic: an event in some form, a watermark, a tombstone, or something broken."""
    if rng.random() < 0.02:
        return Record(offset, -1, b"k", None)
    event = prediction(rng) if (role == "predictions") == (rng.random() < 0.98) else feedback(rng)
    if rng.random() < 0.04:
        event = {"type": "watermark", "timestamp": time(rng)} | (event if rng.random() < 0.2 else {})
    data = text(rng, event, odd if rng.random() < 0.5 else 0.0).encode(errors="surrogatepass")
    if rng.random() < 0.15:
        data = mutated(rng, data)
    headers: Headers = ()
    if rng.random() < 0.15:
        headers = rng.choice([BINARY, BINARY, *OTHER_HEADERS])
    if rng.random() < 0.08:
        form = b'"data":' + data if rng.random() < 0.8 else b'"data_base64":"' + base64.b64encode(data) + b'"'
        data = b'{"specversion":"1.0","id":"1","source":"s","type":"t",' + form + b"}"
    if rng.random() < 0.01:
        data += b" " * 3_000
    stamp = rng.choice([-1, T0 // 1_000, T0 // 1_000 - 86_400_000, 2**62])
    return Record(offset, stamp, b"k", data, headers)
