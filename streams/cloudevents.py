"""CloudEvents 1.0 on Kafka: `unwrap` finds the data of an incoming record, `headers` writes those of an outgoing one.

Incoming, three forms are read: plain JSON, binary mode (attributes in `ce_` headers, the value is the data) and
structured mode (the value is a JSON envelope with the data inside). Attributes are not checked beyond what is needed to
find the data: the event's own contract is the judge. Outgoing events are in binary mode.
"""

import base64
import binascii
import json
from functools import cache

import msgspec

from schemas.catalogue import CONTRACTS
from streams.records import Headers

STRUCTURED = "application/cloudevents+json"
_MARK = b'"specversion"'


class _Envelope(msgspec.Struct, gc=False):
    """The members of a structured event that say where its data is; `data` keeps its bytes as they were sent."""

    specversion: str = ""
    id: str = ""
    source: str = ""
    type: str = ""
    datacontenttype: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


_DECODER = msgspec.json.Decoder(_Envelope)


def unwrap(value: bytes, headers: Headers) -> bytes:
    """Return the data of one record: JSON, not yet parsed.

    Plain JSON comes back as it is, at the price of one look at its headers and one search in its bytes.

    Raises
    ------
    ValueError
        When the record is a CloudEvent whose data cannot be read. The message is worded for a dead letter.
    """
    structured = False
    if headers:
        version, content_type = None, ""
        for name, content in headers:
            if name == "ce_specversion":
                version = _text(content)
            elif name in ("content-type", "Content-Type"):
                content_type = _media_type(_text(content))
        if content_type.startswith("application/cloudevents"):
            if content_type != STRUCTURED:
                raise ValueError(f"content-type {content_type} is not read; send {STRUCTURED}, one event a record")
            structured = True
        elif version is not None:
            _check_version(version)
            _check_json(content_type, "content-type")
            return value
    if not structured and _MARK not in value:
        return value
    return _unwrap_structured(value, declared=structured)


def headers(kind: str, id: str, time: str, subject: str, source: str = "streamgauge") -> Headers:
    """Return the headers of an outgoing event in binary mode.

    Parameters
    ----------
    kind
        Name of the contract, such as `alert` or `retraining_trigger`: a key of `schemas.catalogue.CONTRACTS`.
    id, time, subject
        The event's id, its event time (RFC 3339), and the model it is about.
    source
        URI reference of who writes it.
    """
    event_type, rest = _fixed(kind)
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_type", event_type),
        ("ce_source", source.encode()),
        ("ce_time", time.encode()),
        ("ce_subject", subject.encode()),
        *rest,
    )


@cache
def _fixed(kind: str) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    contract = CONTRACTS[kind]
    if kind == "dead_letter":  # its value is the original bytes, whatever those are
        return contract.event_type.encode(), ()
    return contract.event_type.encode(), (
        ("ce_dataschema", contract.urn.encode()),
        ("content-type", b"application/json"),
    )


def _unwrap_structured(value: bytes, *, declared: bool) -> bytes:
    """Return the data inside the envelope `value`; undeclared, only what has all four attributes is an envelope."""
    try:
        envelope = _DECODER.decode(value)
    except (ValueError, RecursionError) as error:
        lenient = _lenient(value)
        if lenient is None:
            if declared:
                raise ValueError(f"not a CloudEvent in structured mode: {error}") from None
            return value  # plain and broken: the contract's decoder says how
        envelope = lenient
    if not declared and not (envelope.specversion and envelope.id and envelope.source and envelope.type):
        return value
    _check_version(envelope.specversion)
    _check_json(_media_type(envelope.datacontenttype or ""), "datacontenttype")
    data = bytes(envelope.data)
    if data and envelope.data_base64 is not None:
        raise ValueError("a CloudEvent has either data or data_base64, and not both")
    if envelope.data_base64 is not None:
        try:
            return base64.b64decode(envelope.data_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"data_base64 is not base64: {error}") from None
    if not data:
        raise ValueError("a CloudEvent without data: the event belongs in data (or data_base64)")
    return data


def _lenient(value: bytes) -> _Envelope | None:
    """Read an envelope that holds NaN or Infinity, which features may be and JSON proper has not; None: it is none."""
    try:
        members = json.loads(value)
        if not isinstance(members, dict):
            return None
        raw = json.dumps(members.pop("data")).encode() if "data" in members else b""
        known = {name: members[name] for name in _Envelope.__struct_fields__ if name in members}
        return msgspec.convert({**known, "data": msgspec.Raw(raw)}, _Envelope)
    except (ValueError, RecursionError):
        return None


def _check_version(version: str) -> None:
    if version != "1.0":
        raise ValueError(f"CloudEvents specversion {version!r} is not read; send 1.0")


def _check_json(media_type: str, where: str) -> None:
    if media_type and media_type not in ("application/json", "text/json") and not media_type.endswith("+json"):
        raise ValueError(f"{where} {media_type} is not read; send application/json")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")
