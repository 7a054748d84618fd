"""Fixtures of the tests that need a broker."""

import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .broker import Broker, Kafka, Process, answers, missing, running_broker, until

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group("kafka"))  # one broker for all, beside the tests that compute


@pytest.fixture(scope="session")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Apache Kafka, started for this session."""
    lacking = missing()
    if lacking is not None:
        message = f"TESTS ON KAFKA DID NOT RUN: {lacking}, and STREAMGAUGE_TEST_BOOTSTRAP is not set"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    with running_broker(tmp_path_factory.mktemp("broker")) as own:
        yield own


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> str:
    """Bootstrap address of Apache Kafka: the given one, else that of our own."""
    given = os.environ.get("STREAMGAUGE_TEST_BOOTSTRAP")
    if given:
        until(lambda: answers(given), f"the broker of STREAMGAUGE_TEST_BOOTSTRAP ({given}) to answer")
        return given
    own: Broker = request.getfixturevalue("own_broker")
    return own.bootstrap


@pytest.fixture
def stoppable(request: pytest.FixtureRequest) -> Broker:
    """The broker of `kafka`, for a test that stops it; one that was given is not ours to stop."""
    if os.environ.get("STREAMGAUGE_TEST_BOOTSTRAP"):
        pytest.skip("needs a broker of our own")
    own: Broker = request.getfixturevalue("own_broker")
    return own


@pytest.fixture(scope="session")
def kafka(broker: str) -> Iterator[Kafka]:
    client = Kafka(broker)
    yield client
    client.close()


@pytest.fixture
def unique() -> str:
    """A name that no other test uses; the beginning of topics and groups."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start worker subprocesses; whatever still runs at the end of the test is ended, by its own id."""
    started: list[Process] = []

    def begin(command: list[str], name: str = "worker", **environment: str) -> Process:
        process = Process(command, tmp_path / f"{name}.log", **environment)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.close()
