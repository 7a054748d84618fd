import base64
import json

import pytest

from schemas.catalogue import CONTRACTS
from streams.cloudevents import headers, unwrap

PLAIN = b'{"prediction_id": "p1", "value": 1.10}'
BINARY = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_type", b"com.example.prediction"),
    ("ce_source", b"/scoring"),
    ("content-type", b"application/json; charset=utf-8"),
]
DECLARED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def envelope(**members: object) -> bytes:
    attributes = {"specversion": "1.0", "id": "1", "source": "/scoring", "type": "com.example.prediction"}
    return json.dumps({**attributes, **members}).encode()


def test_plain_json_comes_back_as_it_is():
    assert unwrap(PLAIN, ()) is PLAIN
    assert unwrap(PLAIN, [("traceparent", b"00-ab"), ("content-type", b"text/plain")]) is PLAIN
    assert unwrap(b"\xff not json", ()) == b"\xff not json"


def test_binary_mode_has_its_data_in_the_value():
    assert unwrap(PLAIN, BINARY) is PLAIN


def test_structured_mode_gives_the_bytes_of_data_unchanged():
    value = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + PLAIN + b"}"
    assert unwrap(value, DECLARED) == PLAIN
    assert unwrap(value, ()) == PLAIN


def test_structured_mode_reads_base64():
    assert unwrap(envelope(data_base64=base64.b64encode(PLAIN).decode()), ()) == PLAIN


def test_nan_in_structured_data_is_let_through():
    assert json.loads(unwrap(envelope(data={"features": {"a": float("nan")}}), DECLARED))["features"]["a"] != 0
    assert unwrap(envelope(data={"a": float("nan")}), ()) == b'{"a": NaN}'


@pytest.mark.parametrize(
    "value",
    [
        b'{"prediction_id": "p1", "features": {"specversion": "1.0"}}',
        b'{"specversion": "1.0", "id": "1", "type": "t"}',
        b'{"specversion": 3, "id": "1", "type": "t", "source": "s"}',
        b'["specversion"]',
        b'"specversion"',
        b'{"specversion": ',
        b'{"specversion": "\xff"}',
    ],
)
def test_what_only_looks_like_an_envelope_is_plain(value: bytes):
    assert unwrap(value, ()) == value


def test_nesting_without_end_is_plain_or_refused_and_never_a_crash():
    value = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + b"[" * 200_000
    assert unwrap(value, ()) == value
    with pytest.raises(ValueError, match="structured mode"):
        unwrap(value, DECLARED)


@pytest.mark.parametrize(
    ("value", "sent", "says"),
    [
        (PLAIN, [*BINARY[1:], ("ce_specversion", b"0.3")], "specversion '0.3'"),
        (PLAIN, [("ce_specversion", b"1.0"), ("content-type", b"application/avro")], "application/avro"),
        (PLAIN, [("content-type", b"application/cloudevents-batch+json")], "one event a record"),
        (PLAIN, [("content-type", b"application/cloudevents+avro")], "one event a record"),
        (b"not json", DECLARED, "structured mode"),
        (b"[1]", DECLARED, "structured mode"),
        (PLAIN, DECLARED, "specversion"),
        (envelope(), DECLARED, "without data"),
        (envelope(), (), "without data"),
        (envelope(data=1, data_base64="MQ=="), (), "not both"),
        (envelope(data_base64="?"), (), "not base64"),
        (envelope(data="x", datacontenttype="text/plain"), (), "datacontenttype text/plain"),
        (envelope(specversion="2.0", data={}), (), "specversion '2.0'"),
    ],
)
def test_a_cloudevent_that_cannot_be_read_is_refused_with_the_reason(value: bytes, sent, says: str):
    with pytest.raises(ValueError, match=says):
        unwrap(value, sent)


def test_a_null_header_is_no_crash():
    assert unwrap(PLAIN, [("content-type", None)]) is PLAIN  # type: ignore[list-item]


def test_outgoing_headers_are_a_cloudevent_in_binary_mode():
    written = headers("alert", "ab12", "2026-01-31T12:00:00Z", "car_loan")
    assert dict(written) == {
        "ce_specversion": b"1.0",
        "ce_id": b"ab12",
        "ce_type": b"io.streamgauge.alert.v1",
        "ce_source": b"streamgauge",
        "ce_time": b"2026-01-31T12:00:00Z",
        "ce_subject": b"car_loan",
        "ce_dataschema": b"urn:streamgauge:schema:alert:1",
        "content-type": b"application/json",
    }
    assert unwrap(PLAIN, written) is PLAIN


def test_a_dead_letter_claims_nothing_of_its_bytes():
    names = {name for name, _ in headers("dead_letter", "1", "2026-01-31T12:00:00Z", "predictions")}
    assert names.isdisjoint({"ce_dataschema", "content-type"})


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_contract_has_headers(kind: str):
    assert dict(headers(kind, "1", "t", "m"))["ce_type"] == f"io.streamgauge.{kind}.v1".encode()
