"""The typed decoder and the contract say the same of every record, and ordinary events need only the first."""

import json
import math
import random
import struct
from collections.abc import Sequence
from itertools import dropwhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.id_hash import id_hash
from detectors.layouts import Layouts
from detectors.row import row_of
from detectors.rows import Rows
from schemas.event_time import to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams import fast_types
from streams import groups as groups_module
from streams.decode import Refusal, decode
from streams.decoder import Decoder
from streams.feedback_columns import NO_MODEL, NO_VERSION, OTHER_MODEL, SOURCES, FeedbackColumns
from streams.fit import Fit
from streams.groups import Groups, version_hash
from streams.records import ROLES, Record, RecordBatch, Role

from . import events
from .events import SPEC
from .world import T0, spec_of

Verdict = tuple[Any, ...]


class Judge:
    """What the contract says of each record, with nothing but the contract's own code."""

    def __init__(self, spec: MonitorSpec) -> None:
        self.spec = spec
        self.groups = Groups(spec)
        self.fit = Fit(spec, layouts_of(spec))

    def verdict(self, role: Role, record: Record) -> Verdict:
        event = decode(role, record, self.spec)
        if isinstance(event, Watermark):
            return ("watermark", to_micros(event.timestamp))
        if not isinstance(event, Refusal):
            event = self.fit.problem(event) or event
        if isinstance(event, Refusal):
            return ("refused", event)
        if isinstance(event, Prediction):
            return self.row(event, record.offset) or ("evicted",)
        return self.feedback(event, record.offset)

    def row(self, event: Prediction, offset: int) -> Verdict | None:
        group = self.groups.code(event.model, event.version)
        if group is None:
            return None
        shape = self.groups.shapes[self.groups.model_codes[event.model]]
        row = row_of(event, self.spec.models[event.model])
        numbers, values, said = shape.numbers(row), shape.values(row), shape.said(row)
        assert repr(shape.row(row.id, row.time, numbers, values, said, row.unexpected)) == repr(row)
        head = ("row", group, row.time, offset, id_hash(row.id), row.id)
        return (*head, bits(numbers), exact(values), said, row.unexpected)

    def feedback(self, event: Feedback, offset: int) -> Verdict:
        inside = None
        if event.prediction is not None:
            inside = self.row(event.prediction, offset)
            if inside is None:
                return ("evicted",)
        label, value, source = event.label, event.value, event.source
        if event.correction is not None:
            label = event.correction
            source = "annotator_correction" if source == "annotator" else "correction"  # type: ignore[assignment]
            try:
                value = float(label)
            except ValueError:
                value = None
            if value is not None and not math.isfinite(value):
                value = None
        return (
            "feedback",
            to_micros(event.timestamp),
            offset,
            id_hash(event.prediction_id),
            source,
            NO_MODEL if event.model is None else self.groups.model_codes.get(event.model, OTHER_MODEL),
            NO_VERSION if event.version is None else version_hash(event.version),
            label,
            exact([value, event.rating, event.inclusion_probability]),
            inside,
        )


def exact(values: Sequence[Any]) -> list[str]:
    """Values so that equal means the same type and the same bits."""
    return [f"{type(v).__name__} {v.hex() if type(v) is float else v}" for v in values]


def layouts_of(spec: MonitorSpec) -> Layouts:
    return Layouts(dict(spec.models), {})


def bits(numbers: Sequence[float]) -> bytes:
    """The numbers to the bit, from the first that is no NaN on: rows of other widths may be in the same chunk."""
    told = list(dropwhile(math.isnan, numbers))
    return struct.pack(f"<{len(told)}d", *told)


def row_verdict(rows: Rows, place: int) -> Verdict:
    hashes = tuple(rows.hashes[place].tolist())
    head = ("row", int(rows.groups[place]), int(rows.times[place]), int(rows.offsets[place]), hashes, rows.ids[place])
    values = rows.values[place]
    assert type(values) is tuple
    return (*head, bits(rows.numbers[place].tolist()), exact(values), rows.said[place], bool(rows.unexpected[place]))


def feedback_verdict(columns: FeedbackColumns, place: int) -> Verdict:
    numbers = [float(column[place]) for column in (columns.values, columns.ratings, columns.drawn)]
    inside = columns.inside.get(place)
    return (
        "feedback",
        int(columns.times[place]),
        int(columns.offsets[place]),
        tuple(columns.hashes[place].tolist()),
        SOURCES[columns.sources[place]],
        int(columns.models[place]),
        int(columns.versions[place]),
        columns.labels[place],
        exact([None if math.isnan(number) else number for number in numbers]),
        None if inside is None else row_verdict(inside, 0),
    )


def verdicts(decoder: Decoder, role: Role, records: Sequence[Record]) -> list[Verdict]:
    """What the decoder says of a chunk, record by record."""
    decoded = decoder.decode(role, RecordBatch.of(records))
    found: dict[int, Verdict] = {}
    columns = decoded.events
    for place, position in enumerate(decoded.positions.tolist()):
        if isinstance(columns, Rows):
            found[position] = row_verdict(columns, place)
        else:
            found[position] = feedback_verdict(columns, place)
    assert isinstance(columns, Rows) == (role == "predictions")
    assert len(columns) == len(decoded.positions)
    found |= {position: ("refused", refusal) for position, refusal in decoded.refused}
    found |= {position: ("watermark", time) for position, time in decoded.watermarks}
    found |= dict.fromkeys(decoded.evicted, ("evicted",))
    places = [len(decoded.positions), len(decoded.refused), len(decoded.watermarks), len(decoded.evicted)]
    assert sum(places) == len(records), "each record is in exactly one place"
    for ordered in (decoded.positions.tolist(), decoded.refused, decoded.watermarks, decoded.evicted):
        assert [one if isinstance(one, int) else one[0] for one in ordered] == sorted(
            one if isinstance(one, int) else one[0] for one in ordered
        )
    return [found[position] for position in range(len(records))]


def decoder_of(spec: MonitorSpec = SPEC) -> Decoder:
    return Decoder(spec, layouts_of(spec), Groups(spec))


def agree(role: Role, records: Sequence[Record], sizes: Sequence[int], spec: MonitorSpec = SPEC) -> None:
    judge = Judge(spec)
    expected = [judge.verdict(role, record) for record in records]
    for size in sizes:
        decoder = decoder_of(spec)
        told: list[Verdict] = []
        for start in range(0, len(records), size):
            told += verdicts(decoder, role, records[start : start + size])
        for record, one, other in zip(records, told, expected, strict=True):
            assert one == other, (size, record)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(ROLES), st.sampled_from([0.0, 0.02, 0.1]))
def test_both_decoders_say_the_same_of_every_record(rng: random.Random, role: Role, odd: float) -> None:
    records = [events.record(rng, role, offset, odd) for offset in range(rng.randrange(1, 12))]
    agree(role, records, [1, len(records)])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(ROLES))
def test_both_decoders_say_the_same_of_long_chunks(seed: int, role: Role) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_types, "WORTH_BUILDING", 1)  # with all that can be learned
        agree(role, [events.record(rng, role, offset, 0.01) for offset in range(150)], [40, 150])


def records_of(values: Sequence[Any], start: int = 0, timestamp: int = -1) -> list[Record]:
    data = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return [Record(start + number, timestamp, b"k", value) for number, value in enumerate(data)]


def event(number: int, model: str = "m", **changes: Any) -> dict[str, Any]:
    """An ordinary prediction."""
    outputs: dict[str, Any] = {
        "m": {"label": "1", "score": 0.75},
        "open": {"score": number % 5 / 4},
        "multi": {"probabilities": {"b": number % 3 / 4, "c d": 0.25, "a": 0.25}},
        "any class": {"label": "z", "probabilities": {"z": 0.5, "y": 0.5}},
        "r": {"value": 1.5},
        "t": {"text": "an answer"},
    }
    moment = {"timestamp": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z"}
    features = {
        name: number / 8 if kind == "numeric" else "a" for name, kind in events.MODELS[model]["features"].items()
    }
    given = {"prediction_id": f"p-{number}", "model": model, "version": "1", **moment, "features": features}
    return {**given, "output": outputs[model], "latency_ms": 5, **changes}


ORDINARY = [name for name in SPEC.models if name not in ('quo"te', "slash")]


@pytest.mark.parametrize("models", [[name] for name in ORDINARY] + [ORDINARY])
def test_ordinary_predictions_need_no_judge(models: list[str]) -> None:
    decoder = decoder_of()
    records = records_of([event(number, models[number % len(models)]) for number in range(400)], timestamp=T0 // 1_000)
    told = verdicts(decoder, "predictions", records)
    assert {one[0] for one in told} == {"row"}
    assert decoder.judged == 0
    agree("predictions", records, [400, 7])


@pytest.mark.parametrize(
    "changes",
    [
        {"features": {"x": None, "c": None}},
        {"features": {"x": -0.0, "y": 7, "owner": True, "note": "", "when": "2026-01-01"}},
        {"features": {}},
        {"latency_ms": None},
        {"latency_ms": -0.0},
        {"version": "another"},
        {"tags": {"region": "eu"}},
        {"scores": {}},
        {"scores": {"toxicity": 1, "another": -0.0}},
        {"scores": {"toxicity": None}},
        {"output": {"score": 0.25}},
        {"output": {"label": True, "score": None}},
        {"output": {"label": 1.0}},
        {"timestamp": "2026-01-01T00:00:00+00:00"},
        {"timestamp": "2026-01-01T00:00:00.1+00:00"},
        {"timestamp": "2024-02-29T23:59:59.999999Z"},
    ],
)
def test_what_is_less_common_needs_no_judge_either(changes: dict[str, Any]) -> None:
    spec = spec_of({"max_event_bytes": 3_000}, m={**events.MODELS["m"], "classes": None, "scores": {"toxicity": {}}})
    decoder = decoder_of(spec)
    records = records_of([event(0), event(1, **changes), event(2)])
    assert {one[0] for one in verdicts(decoder, "predictions", records)} == {"row"}
    assert decoder.judged == 0
    agree("predictions", records, [1, 3], spec)


THREE = {"multi": {**events.MODELS["multi"], "classes": ["tech", "sales", "billing"]}}


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (
            {"teck": 0.9, "sales": 0.1},
            "output.probabilities: 'teck' is not a class of multi; those are billing, sales, te",
        ),
        (
            {"tech": 1.0, "sales": 1.0},
            "output.probabilities: the probabilities of 2 classes sum to 2, which is more than",
        ),
        (
            {"tech": 0.5, "sales": 0.2, "billing": 0.1},
            "output.probabilities: the probabilities of all 3 classes sum to 0",
        ),
        ({"tech": 1.5, "sales": -0.5}, "output.probabilities.tech: Input should be less than or equal to 1"),
        ({"tech": 0.33, "sales": 0.33, "billing": 0.33}, None),  # rounded to two digits
        ({"tech": 0.6000000238, "sales": 0.3000000119, "billing": 0.1000000015}, None),  # 32-bit floats
        ({"tech": 0.5, "sales": 0.2}, None),  # the likeliest two
        ({"tech": 0.7}, None),
    ],
)
@pytest.mark.parametrize("label", [{}, {"label": "tech"}])
def test_probabilities_that_cannot_be_are_refused_by_both_decoders(
    shares: dict[str, float], said: str | None, label: dict[str, str]
) -> None:
    spec = spec_of({"max_event_bytes": 3_000}, **THREE)
    good = {"tech": 0.25, "sales": 0.5, "billing": 0.25}
    records = records_of([event(n, "multi", output={"probabilities": good}) for n in range(40)])
    records += records_of([event(40, "multi", output={"probabilities": shares, **label})], 40)
    decoder = decoder_of(spec)
    last = verdicts(decoder, "predictions", records)[-1]
    assert decoder.judged == (said is not None)
    if said is None:
        assert last[0] == "row"
    else:
        assert last[1].message.startswith(said)
    agree("predictions", records, [1, 41], spec)


def test_beside_the_classes_of_a_reference_any_name_may_stand_and_only_the_answer_has_to_be_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Layouts, "classes", lambda *_: frozenset({"tech", "sales"}))
    spec = spec_of({"max_event_bytes": 3_000}, multi={**THREE["multi"], "classes": None})
    rare, answer = {"tech": 0.9, "teck": 0.1}, {"tech": 0.1, "teck": 0.9}
    outputs = [{"probabilities": rare}, {"probabilities": answer}, {"probabilities": answer, "label": "tech"}]
    outputs += [{"probabilities": {"tech": 0.5, "sales": 0.4}}] * 40
    records = records_of([event(n, "multi", output=output) for n, output in enumerate(outputs)])
    told = verdicts(decoder_of(spec), "predictions", records)
    assert [one[0] for one in told] == ["row", "refused"] + ["row"] * 41
    assert told[1][1].reason == "task"
    agree("predictions", records, [1, 43], spec)


def test_ordinary_feedback_needs_no_judge() -> None:
    decoder = decoder_of()
    said: list[dict[str, Any]] = [
        {"label": "1", "model": "m", "version": "3"},
        {"label": 0},
        {"value": 7, "model": "r", "source": "annotator"},
        {"rating": 0.5, "source": "user", "model": "t"},
        {"correction": "7.5", "model": "r"},
        {"correction": "better", "rating": 0, "prediction": None},
        {"label": "1", "source": "annotator", "inclusion_probability": 0.25},
        {"correction": "0", "source": "annotator"},
    ]
    moment = {"timestamp": "2026-01-01T00:00:00.5Z"}
    records = records_of([{"prediction_id": f"p{n}", **moment, **said[n % len(said)]} for n in range(60)])
    assert {one[0] for one in verdicts(decoder, "feedback", records)} == {"feedback"}
    assert decoder.judged == 0
    agree("feedback", records, [1, 60])


def test_fields_that_nobody_declared_are_judged_once_and_then_known() -> None:
    spec = spec_of({"max_event_bytes": 3_000}, m=events.MODELS["m"], open=events.MODELS["open"])
    decoder = decoder_of(spec)
    extra: dict[str, Any] = {"trace_id": "abc", "user id": 7, "context": {"a": [1, {"b": None}]}}

    def chunk(start: int) -> list[Record]:
        more = [{**extra, "output": {"score": 0.5, "model_time": 3}}, {"features": {"x": 1, "shoe size": 44}}, {}]
        return records_of([event(n, ["m", "open"][n % 2], **more[n % 3]) for n in range(start, start + 600)], start)

    assert {one[0] for one in verdicts(decoder, "predictions", chunk(0))} == {"row"}
    assert decoder.judged > 0
    before = decoder.judged
    told = verdicts(decoder, "predictions", chunk(600))
    assert decoder.judged == before
    assert [one[-1] for one in told[:3]] == [False, True, False], "a feature that nobody declared is still unexpected"
    agree("predictions", chunk(0) + chunk(600), [7, 600], spec)


def test_names_without_end_are_not_learned_without_end() -> None:
    decoder = decoder_of(spec_of({"max_event_bytes": 3_000}, m=events.MODELS["m"]))
    for start in range(0, 1_000, 200):
        chunk = [event(n, **{f"field {n}": n}) for n in range(start, start + 200)]
        assert {one[0] for one in verdicts(decoder, "predictions", records_of(chunk))} == {"row"}
    judged = decoder.judged
    verdicts(decoder, "predictions", records_of([event(0), event(1, **{"field 0": 1}), event(2, **{"field 999": 1})]))
    assert decoder.judged == judged + 1


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 205 + b"]" * 205,
        b'{"a":' * 205 + b"1" + b"}" * 205,
        b"1e999",
        b"NaN",
        b"9" * 4_301,
        b"1" * 4_400 + b"e-4395",
        b"0." + b"1" * 5_000,
        b'"\\ud800"',
        b'"\xff"',
        b'{"\xff":1}',
        b"[1,]",
    ],
)
@pytest.mark.parametrize("place", ["extra", "x", "latency_ms"])
def test_what_the_two_parsers_disagree_on_is_judged(value: bytes, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of({"max_event_bytes": 100_000}, m=events.MODELS["m"])
    monkeypatch.setattr(fast_types, "WORTH_BUILDING", 1)
    whole = event(1, extra=1)
    whole["features"]["x"] = 1
    broken = json.dumps({**whole, place: "@"} if place != "x" else {**whole, "features": {"x": "@"}}).encode()
    records = records_of([whole, whole, broken.replace(b'"@"', value), whole])
    agree("predictions", records, [1, 4], spec)


def test_a_watermark_among_events_and_fields_that_select_a_form_are_never_learned() -> None:
    decoder = decoder_of()
    for _ in range(2):
        values = [event(0, type="prediction"), event(1, type="watermark"), event(2, specversion="1.0"), event(3)]
        told = verdicts(decoder, "predictions", records_of(values))
        assert [one[0] for one in told] == ["row", "watermark", "row", "row"]
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": event(0)}
    told = verdicts(decoder, "predictions", records_of([envelope, {**envelope, "specversion": "0.3"}]))
    assert [one[0] for one in told] == ["row", "refused"]


def test_cloudevents_in_both_modes_need_no_judge() -> None:
    decoder = decoder_of()
    binary = [one._replace(headers=events.BINARY) for one in records_of([event(n) for n in range(20)])]
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    structured = records_of([{**envelope, "data": event(n)} for n in range(20)], start=20)
    assert {one[0] for one in verdicts(decoder, "predictions", binary + structured)} == {"row"}
    assert decoder.judged == 0


def test_versions_beyond_the_most_are_evicted_in_log_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_module, "MOST_GROUPS", 3)
    values = [event(n, version=str(n % 7)) for n in range(30)]
    values[4]["features"]["x"] = "for the judge"
    told = verdicts(decoder_of(), "predictions", records_of(values))
    assert [one[0] for one in told[:7]] == ["row"] * 3 + ["evicted"] * 4
    agree("predictions", records_of(values), [1, 4, 30])
    inside = [{"prediction_id": f"p-{n}", "timestamp": "2026-01-02T00:00:00Z", "label": "1"} for n in range(30)]
    alone = [
        {**said, "prediction": one} if n % 2 else said for n, (said, one) in enumerate(zip(inside, values, strict=True))
    ]
    agree("feedback", records_of(alone), [1, 4, 30])


def test_an_empty_chunk_is_no_columns() -> None:
    for role in ROLES:
        assert verdicts(decoder_of(), role, []) == []
