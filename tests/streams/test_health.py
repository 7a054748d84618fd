from time import monotonic
from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.errors import UserError
from streams.health import HealthServer

TP0 = TP("predictions", 0)


def lane(lag: int | None, silent: float, ready: bool = True, loading: bool = False) -> SimpleNamespace:
    return SimpleNamespace(ready=ready, loading=loading, advanced_at=monotonic() - silent, lag={TP0: lag})


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


@pytest.mark.parametrize(
    ("ready", "loading", "says"),
    [
        (True, False, "waiting for 400s for work to be done"),
        (False, False, "waiting for 400s for partitions to be assigned"),
        (False, True, None),
    ],
)
def test_a_lane_that_hangs_is_stalled_with_no_lag_to_be_seen(ready: bool, loading: bool, says: str | None) -> None:
    assert HealthServer([lane(0, 400, ready, loading)], "127.0.0.1", 0).stalled() == says


def test_a_lane_may_wait_for_its_turn_while_another_works_off_a_backlog() -> None:
    lanes = [lane(9, 1), lane(5, 100)]
    server = HealthServer(lanes, "127.0.0.1", 0)
    assert server.stalled() is None
    lanes[0].advanced_at -= 100
    assert "9 records behind" in (server.stalled() or "")


def test_lag_from_before_a_rebalance_is_no_stall() -> None:
    assert HealthServer([lane(5, 100, ready=False)], "127.0.0.1", 0).stalled() is None


def test_a_worker_is_ready_once_all_lanes_are_and_a_broker_answers() -> None:
    away = [False]
    lanes = [lane(0, 0), lane(0, 0, ready=False)]
    server = HealthServer(lanes, "127.0.0.1", 0, away=lambda: away[0])
    assert "partitions are not assigned yet" in (server.unready() or "")
    lanes[1].ready = True
    assert server.unready() is None
    away[0] = True
    assert server.unready() == "not ready: no broker answers"


def test_a_port_that_is_taken_is_a_users_error() -> None:
    first = HealthServer([], "127.0.0.1", 0)
    first.bind()
    assert first._socket is not None
    port = first._socket.getsockname()[1]
    with pytest.raises(UserError, match=r"give the worker another --http-host or --http-port"):
        HealthServer([], "127.0.0.1", port).bind()
    first._socket.close()
