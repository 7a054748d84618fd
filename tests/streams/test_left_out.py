"""What the log says of events that were refused or late."""

import logging

import pytest

from streams.left_out import LeftOut


def test_growth_is_said_once_a_minute_and_nothing_of_what_was_counted_elsewhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = LeftOut({"p": "predictions", "f": "feedback"})
    with caplog.at_level(logging.WARNING):
        told.tell({0: {"predictions": {"late": 7}}}, 0.0)
        told.tell({0: {"predictions": {"late": 9}}}, 30.0)
        assert caplog.messages == []
        told.tell({0: {"predictions": {"late": 10}}, 1: {"predictions": {"late": 500}}}, 61.0)
        assert caplog.messages == ["p: 3 more events were late (older than lateness allows) and left out"]
        caplog.clear()
        both = {0: {"feedback": {"dead_lettered": 2}, "predictions": {"late": 10}}, 1: {"predictions": {"late": 501}}}
        told.tell(both, 130.0)
        assert caplog.messages == [
            "p: 1 more events were late (older than lateness allows) and left out",
            "f: 2 more events were refused (see the dead letters)",
        ]
