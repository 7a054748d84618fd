import asyncio
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from streams import broker_watch
from streams.broker_watch import BrokerWatch, wait_for_broker
from streams.errors import UserError
from streams.health import HealthServer


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def watch(nobody: str) -> BrokerWatch:
    return BrokerWatch({"bootstrap_servers": [nobody]})


@pytest.fixture
def health(watch: BrokerWatch) -> Iterator[HealthServer]:
    server = HealthServer([], "127.0.0.1", 0, away=lambda: watch.away)
    server.bind()
    yield server
    asyncio.run(server.stop())


@contextmanager
def ending_after(seconds: float) -> Iterator[None]:
    """Ask the process to end, as an orchestrator does, where something waits for ever."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def get(health: HealthServer, page: str) -> tuple[int, str]:
    assert health._socket is not None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{health._socket.getsockname()[1]}/{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_is_served_while_the_first_question_has_no_answer(watch: BrokerWatch, health: HealthServer) -> None:
    answers: dict[str, tuple[int, str]] = {}
    asked = []

    def found() -> str | None:
        asked.append(1)
        if len(asked) == 1:
            while not watch.away:
                threading.Event().wait(0.01)
            answers.update({page: get(health, page) for page in ("livez", "readyz")})
            watch.note(answered=True, asked=0.0)
            return None
        return "topics"

    assert wait_for_broker(watch, health, found) == "topics"
    assert answers["livez"] == (200, "ok, waiting for a broker: none answers\n")
    assert answers["readyz"] == (503, "not ready: no broker answers\n")


def test_a_worker_that_waits_ends_at_once_when_it_is_told_to(watch: BrokerWatch, health: HealthServer) -> None:
    given_up = Event()

    def found() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        given_up.wait(60)

    assert wait_for_broker(watch, health, found) is None
    given_up.set()


def test_a_mistake_of_the_user_is_not_waited_out(watch: BrokerWatch, health: HealthServer) -> None:
    def found() -> None:
        raise UserError("no such topic")

    with pytest.raises(UserError, match="no such topic"):
        wait_for_broker(watch, health, found)


def test_an_error_of_the_watch_is_raised_though_it_had_found_no_broker(
    watch: BrokerWatch, health: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks() -> bool:
        watch.note(answered=False, asked=0.0)
        while not asked:
            await asyncio.sleep(0.01)
        raise RuntimeError("broken")

    asked: list[int] = []
    monkeypatch.setattr(watch, "answers", breaks)

    def found() -> None:
        if len(asked) > 1:  # it is asked no more while the watch says that no broker answers
            os.kill(os.getpid(), signal.SIGTERM)
        asked.append(1)

    with ending_after(20), pytest.raises(RuntimeError, match="broken"):
        wait_for_broker(watch, health, found)


def test_two_servers_that_hang_do_not_hide_one_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def __init__(self, bootstrap_servers: list[str], request_timeout_ms: int) -> None:
            self._servers, self._seconds = bootstrap_servers, request_timeout_ms / 1_000

        async def bootstrap(self) -> None:
            for server in self._servers:
                if server == "answers":
                    return
                await asyncio.sleep(self._seconds)
            raise OSError("nobody")

        async def close(self) -> None: ...

    monkeypatch.setattr(broker_watch, "AIOKafkaClient", Client)
    monkeypatch.setattr(broker_watch, "PATIENCE", 0.3)

    def answers(*servers: str) -> bool:
        return asyncio.run(BrokerWatch({"bootstrap_servers": servers}).answers())

    assert answers("hangs", "hangs", "answers")
    assert not answers("hangs", "hangs")


def test_who_asks_between_two_event_loops_is_answered_by_the_second(health: HealthServer) -> None:
    answers: list[tuple[int, str]] = []

    async def serve_once() -> None:
        await health.start()
        await health.pause()

    async def serve_again() -> None:
        await health.start()
        while not answers:
            await asyncio.sleep(0.01)
        await health.pause()

    asyncio.run(serve_once())
    asking = threading.Thread(target=lambda: answers.append(get(health, "readyz")))
    asking.start()
    asyncio.run(serve_again())
    asking.join(10)
    assert answers == [(503, "not ready: partitions are not assigned yet, or their state is being loaded\n")]
