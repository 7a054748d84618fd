import logging

import pytest

from streams import logs


def record(name: str, message: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, (), None)


def test_a_library_says_the_same_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    sparing = logs.Sparing()
    assert sparing.filter(record("aiokafka.conn", "no"))
    assert not sparing.filter(record("aiokafka.conn", "no"))
    assert sparing.filter(record("aiokafka.conn", "other"))
    now = logs.REPEAT_AFTER
    again = record("aiokafka.conn", "no")
    assert sparing.filter(again)
    assert again.getMessage() == "no (1 more like this)"


def test_our_own_messages_always_pass() -> None:
    sparing = logs.Sparing()
    assert all(sparing.filter(record("streams.lane", "same")) for _ in range(3))


def test_what_is_told_by_us_is_not_logged_by_the_library_as_well(caplog: pytest.LogCaptureFixture) -> None:
    library = logging.getLogger("kafka.net.manager")
    with logs.told_by_us("kafka"):
        library.error("Bootstrap failed")
    assert caplog.messages == []
    library.error("later")
    assert caplog.messages == ["later"]


def test_who_wants_to_see_all_sees_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "kafka"), logs.told_by_us("kafka"):
        logging.getLogger("kafka.net.manager").error("Bootstrap failed")
    assert caplog.messages == ["Bootstrap failed"]
