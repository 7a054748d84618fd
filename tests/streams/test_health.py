from time import monotonic
from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.errors import UserError
from streams.health import HealthServer

TP0 = TP("predictions", 0)


def lane(lag: int | None, silent: float) -> SimpleNamespace:
    return SimpleNamespace(ready=True, advanced_at=monotonic() - silent, lag={TP0: lag})


@pytest.mark.parametrize(
    ("lag", "silent", "stalled"), [(5, 100, True), (5, 1, False), (0, 100, False), (None, 100, False)]
)
def test_a_worker_is_stalled_when_it_is_behind_and_does_not_move(lag: int | None, silent: float, stalled: bool) -> None:
    server = HealthServer([lane(0, 0), lane(lag, silent)], "127.0.0.1", 0, stalled_after=60)
    problem = server.stalled()
    assert (problem is not None) == stalled
    if problem is not None:
        assert "5 records behind on 1 partitions" in problem
        assert "predictions[0]" in problem


def test_a_port_that_is_taken_is_a_users_error() -> None:
    first = HealthServer([], "127.0.0.1", 0)
    first.bind()
    assert first._socket is not None
    port = first._socket.getsockname()[1]
    with pytest.raises(UserError, match=r"give the worker another --http-host or --http-port"):
        HealthServer([], "127.0.0.1", port).bind()
    first._socket.close()
