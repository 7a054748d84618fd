"""How the tools round the worker reach a cluster."""

from pathlib import Path

import pytest
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, RequestTimedOutError

from schemas.kafka_spec import KafkaSpec
from streams.client import administer, partitions


class Admin:
    """An admin client whose first broker is gone."""

    answers_after = 1
    error: type[KafkaError] = KafkaConnectionError
    asked = 0
    closed = 0

    def __init__(self, **_: object) -> None: ...

    def describe_topics(self, topics: list[str]) -> list[dict[str, object]]:
        Admin.asked += 1
        if Admin.asked <= self.answers_after:
            raise self.error("111 ECONNREFUSED")
        return [{"name": name, "partitions": [0, 1, 2]} for name in topics]

    def close(self) -> None:
        Admin.closed += 1


@pytest.fixture(autouse=True)
def admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.client.KafkaAdminClient", Admin)
    monkeypatch.setattr(Admin, "asked", 0)
    monkeypatch.setattr(Admin, "closed", 0)


@pytest.mark.parametrize("error", [KafkaConnectionError, RequestTimedOutError])
def test_a_question_that_met_a_dead_broker_is_put_again(
    error: type[KafkaError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster lists a broker that died, or hangs, until its session ends; the client may choose just that one."""
    monkeypatch.setattr(Admin, "error", error)
    assert partitions(KafkaSpec(), Path(), ["alerts"]) == {"alerts": 3}
    assert (Admin.asked, Admin.closed) == (2, 2)


def test_a_cluster_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Admin, "answers_after", 1_000)
    monkeypatch.setattr("streams.client.BROKER_AWAY", 0.3)
    with pytest.raises(KafkaConnectionError):
        administer(KafkaSpec(), Path(), lambda client: client.describe_topics(["alerts"]))
    assert Admin.closed == Admin.asked > 1


def test_a_cluster_of_which_nobody_can_be_reached_is_given_up_once_each_server_had_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = 0

    def refused(**_: object) -> None:
        nonlocal tried
        tried += 1
        raise KafkaTimeoutError("unable to bootstrap")

    monkeypatch.setattr("streams.client.KafkaAdminClient", refused)
    for servers in ("one:1", "one:1,two:2,three:3"):  # one that hangs takes all the time there is to reach any
        tried = 0
        with pytest.raises(KafkaTimeoutError):
            administer(KafkaSpec(bootstrap=servers), Path(), lambda client: client.describe_topics(["alerts"]))
        assert tried == len(servers.split(","))
