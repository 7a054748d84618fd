"""Where a partition stands, asked of a client whose thread has given it up meanwhile."""

from typing import Any

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.transport import Consumer


@pytest.mark.parametrize("error", [AssertionError("Partition is not assigned"), IllegalStateError("gone")])
def test_the_end_of_a_log_that_is_not_ours_any_more_is_unknown(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> int:
        raise error

    monkeypatch.setattr(Consumer, "highwater", gone)
    assert Consumer.end_of_log(Consumer.__new__(Consumer), TP("t", 0)) is None
