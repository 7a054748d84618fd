"""Dead letters keep the original bytes, and say where the record stood and why it was refused."""

import base64
from typing import Any

import pytest

from streams.dead_letters import dead_letter, describe
from streams.decode import Refusal
from streams.records import Record

REFUSAL = Refusal("contract", "output.score: too large, found 1.5")
RECORD = Record(42, 1_767_225_600_123, b"key\xff", b"\x00\xffbytes", [("trace", b"t1"), ("trace", b"t2")])


def test_value_key_and_headers_are_kept_as_they_were() -> None:
    letter = dead_letter(REFUSAL, "predictions", 3, RECORD)
    assert (letter.destination, letter.key, letter.value) == ("dead_letters", b"key\xff", b"\x00\xffbytes")
    assert list(letter.headers)[:2] == [("trace", b"t1"), ("trace", b"t2")]


def test_headers_say_where_it_stood_and_why_under_the_names_of_kip_1034() -> None:
    headers = dict(dead_letter(REFUSAL, "predictions", 3, RECORD).headers)
    assert headers["__streams.errors.exception"] == b"contract"
    assert headers["__streams.errors.message"] == b"output.score: too large, found 1.5"
    assert headers["__streams.errors.topic"] == b"predictions"
    assert headers["__streams.errors.partition"] == b"3"
    assert headers["__streams.errors.offset"] == b"42"
    assert headers["ce_time"] == b"2026-01-01T00:00:00.123000Z"
    assert headers["ce_type"]


def test_its_id_depends_on_where_the_record_stood_alone() -> None:
    def id_of(topic: str, partition: int, record: Record, refusal: Refusal = REFUSAL) -> bytes:
        return dict(dead_letter(refusal, topic, partition, record).headers)["ce_id"]

    first = id_of("predictions", 3, RECORD)
    assert id_of("predictions", 3, RECORD._replace(value=b"", timestamp=0), Refusal("not_json", "")) == first
    others = [id_of("feedback", 3, RECORD), id_of("predictions", 4, RECORD)]
    others.append(id_of("predictions", 3, RECORD._replace(offset=43)))
    assert len({first, *others}) == 4


def test_a_dead_letter_that_is_refused_again_is_a_letter_of_its_new_place() -> None:
    first = dead_letter(REFUSAL, "predictions", 3, RECORD)
    again = dead_letter(REFUSAL, "dead", 0, Record(7, 0, first.key, first.value, first.headers))
    names = [name for name, _ in again.headers]
    assert len(names) == len(set(names)) + 1, "only the two traces are there twice"
    assert dict(again.headers)["__streams.errors.topic"] == b"dead"


@pytest.mark.parametrize("timestamp", [-1, 0, 253_402_300_799_999, 253_402_300_800_000, 2**62, -(2**62)])
def test_any_kafka_timestamp_will_do(timestamp: int) -> None:
    time = dict(dead_letter(REFUSAL, "t", 0, RECORD._replace(timestamp=timestamp)).headers)["ce_time"]
    assert time.endswith(b"Z")


def test_a_tombstone_without_key_and_headers_with_null_values_are_kept_as_far_as_they_go() -> None:
    headers: Any = [("empty", None)]
    letter = dead_letter(REFUSAL, "t", 0, Record(0, -1, None, None, headers))
    assert (letter.key, letter.value) == (b"", None)
    assert dict(letter.headers)["empty"] == b""
    described = describe(letter)
    assert (described.key, described.value) == (None, None)


def test_a_message_with_text_that_utf8_cannot_hold_is_sent_all_the_same() -> None:
    letter = dead_letter(Refusal("contract", "found \ud800"), "t", 0, RECORD)
    assert dict(letter.headers)["__streams.errors.message"] == b"found ?"


def test_described_for_a_file_it_holds_the_bytes_in_base64() -> None:
    letter = describe(dead_letter(REFUSAL, "predictions", 3, RECORD))
    assert (letter.topic, letter.partition, letter.offset) == ("predictions", 3, 42)
    assert (letter.reason, letter.message) == ("contract", REFUSAL.message)
    assert base64.b64decode(letter.value or "") == RECORD.value
    assert base64.b64decode(letter.key or "") == RECORD.key
    assert letter.model_validate_json(letter.model_dump_json()) == letter
