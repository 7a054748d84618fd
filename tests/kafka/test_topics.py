from pathlib import Path
from typing import Any

import pytest

from schemas.kafka_spec import KafkaSpec, Topics
from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.framing import FRAME_BYTES
from streams.topics import COMPACTED, Topic, check, create, doubts, partition_counts, problems, require

from .broker import Kafka

BASE = Path()
DAY = 86_400_000


def spec(bootstrap: str, prefix: str, **kafka: Any) -> MonitorSpec:
    return MonitorSpec.model_validate(
        {
            "kafka": {
                "bootstrap": bootstrap,
                "group": prefix,
                "topics": {role: f"{prefix}-{role}" for role in Topics.model_fields},
                **kafka,
            },
            "models": {
                "credit": {
                    "task": "binary",
                    "positive_label": "1",
                    "features": {"age": "numeric"},
                    "pane": "1d",
                    "label_horizon": "30d",
                    "false_alarms": "1 per 90d",
                    "reference": "credit.profile.json",
                }
            },
        }
    )


def test_what_create_makes_passes_check_and_create_works_twice(kafka: Kafka, unique: str) -> None:
    monitor = spec(kafka.bootstrap, unique, partitions=3)
    assert len(create(monitor, BASE)) == len(Topics.model_fields)
    assert check(monitor, BASE) == []
    require(monitor, BASE)
    assert create(monitor, BASE) == []
    counts = partition_counts(monitor, BASE)
    assert counts[f"{unique}-predictions"] == counts[f"{unique}-progress"] == counts[f"{unique}-snapshots"] == 3


def test_a_missing_partner_gets_the_partitions_of_the_topic_that_is_there(kafka: Kafka, unique: str) -> None:
    kafka.create(f"{unique}-predictions", 5, retention_ms=str(60 * DAY))
    monitor = spec(kafka.bootstrap, unique)
    create(monitor, BASE)
    counts = partition_counts(monitor, BASE)
    assert counts[f"{unique}-feedback"] == counts[f"{unique}-progress"] == 5
    assert counts[f"{unique}-summaries"] == 4
    assert check(monitor, BASE) == []


def test_topics_that_do_not_exist_are_named_with_the_command_that_makes_them(kafka: Kafka, unique: str) -> None:
    monitor = spec(kafka.bootstrap, unique)
    found = check(monitor, BASE)
    assert len(found) == len(Topics.model_fields)
    assert all("make it with: streamgauge topics create" in line for line in found)
    with pytest.raises(UserError, match=f"topic {unique}-feedback does not exist"):
        require(monitor, BASE)


def test_topics_that_do_not_fit_each_other_are_refused(kafka: Kafka, unique: str) -> None:
    kafka.create(f"{unique}-predictions", 2, cleanup_policy="compact")
    kafka.create(f"{unique}-feedback", 3, retention_ms=str(DAY))
    kafka.create(f"{unique}-progress", 2)
    kafka.create(f"{unique}-snapshots", 1, cleanup_policy="compact,delete")
    kafka.create(f"{unique}-summaries", 2, cleanup_policy="compact")
    monitor = spec(kafka.bootstrap, unique)
    create(monitor, BASE)
    found = "\n".join(check(monitor, BASE))
    for expected in (
        f"topic {unique}-predictions has 2 partitions and {unique}-feedback has 3: the join needs the same number",
        f"topic {unique}-summaries has 2 partitions and {unique}-snapshots has 1",
        f"topic {unique}-predictions: cleanup.policy is compact, which drops records",
        f"topic {unique}-summaries: cleanup.policy is compact, which drops records",
        f"topic {unique}-progress: cleanup.policy is delete, which deletes state",
        f"topic {unique}-snapshots: cleanup.policy is compact,delete, which deletes state",
        f"topic {unique}-feedback: retention.ms {DAY} (1d) is shorter than label_horizon and lateness of model credit",
    ):
        assert expected in found


def test_a_broker_that_is_not_there_is_a_users_error(unique: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.client.BOOTSTRAP_MS", 500)
    with pytest.raises(UserError, match=r"no broker answers at 127.0.0.1:1 "):
        check(spec("127.0.0.1:1", unique), BASE)


def test_what_is_kept_too_short_for_a_lost_disk_is_a_warning_and_no_refusal(
    kafka: Kafka, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.create(f"{unique}-predictions", 2, retention_ms=str(40 * DAY), retention_bytes="1000000")
    monitor = spec(kafka.bootstrap, unique)
    create(monitor, BASE)
    require(monitor, BASE)
    warned = [record.message for record in caplog.records if record.name == "streams.topics"]
    assert [line.split(":")[0] for line in warned] == [f"topic {unique}-predictions"] * 2
    assert "three label horizons" in warned[0]
    assert "retention.bytes 1000000" in warned[1]


def topic(role: str, partitions: int = 1, **configs: str) -> Topic:
    policy = "compact" if role in COMPACTED else "delete"
    wide = {"cleanup.policy": policy, "retention.ms": "-1", "max.message.bytes": "2000000"}
    return Topic(role, partitions, 1, {**wide, **{key.replace("_", "."): value for key, value in configs.items()}})


def test_a_dead_letter_must_fit_into_its_topic() -> None:
    monitor = spec("localhost:9092", "p")
    found = {role: topic(role) for role in Topics.model_fields}
    (line,) = problems(monitor, found)
    assert "topic dead_letters: max.message.bytes 2000000 is too small" in line
    assert "set it to 2065536 or more" in line
    assert problems(monitor, {**found, "dead_letters": topic("dead_letters", max_message_bytes="2065536")}) == []


def test_records_kept_for_ever_are_kept_long_enough() -> None:
    assert topic("predictions").retention is None
    assert KafkaSpec().partitions


def judged(**topics: Topic) -> list[str]:
    fitting = {role: topic(role) for role in Topics.model_fields}
    fitting["dead_letters"] = topic("dead_letters", max_message_bytes="9000000")
    return problems(spec("localhost:9092", "p"), fitting | topics)


def doubted(**topics: Topic) -> list[str]:
    return doubts(spec("localhost:9092", "p"), {role: topic(role) for role in Topics.model_fields} | topics)


def test_what_create_makes_fits_panes_that_are_longer_than_horizons(kafka: Kafka, unique: str) -> None:
    model = {
        **spec("localhost:9092", "p").models["credit"].model_dump(),
        "pane": "60d",
        "label_horizon": "1d",
        "lateness": "1h",
    }
    model |= {"false_alarms": "1 per 90d", "notices": None}
    long = MonitorSpec.model_validate({**spec(kafka.bootstrap, unique).model_dump(), "models": {"credit": model}})
    create(long, BASE)
    assert check(long, BASE) == []


HORIZON_MS = 30 * DAY + 3_600_000  # with the default lateness


@pytest.mark.parametrize("role", ["predictions", "feedback"])
def test_sources_are_kept_for_a_label_horizon_at_least_and_better_for_three(role: str) -> None:
    (line,) = judged(**{role: topic(role, retention_ms=str(HORIZON_MS - 1))})
    assert f"topic {role}: retention.ms {HORIZON_MS - 1}" in line
    assert f"Set it to {HORIZON_MS} or more" in line
    enough = topic(role, retention_ms=str(HORIZON_MS))
    assert judged(**{role: enough}) == []
    (line,) = doubted(**{role: enough})
    assert "three label horizons of model credit" in line
    assert f"Set it to {90 * DAY + 3_600_000} or more" in line
    assert doubted(**{role: topic(role, retention_ms=str(90 * DAY + 3_600_000))}) == []


@pytest.mark.parametrize("role", ["predictions", "feedback", "summaries"])
def test_what_is_kept_by_size_may_be_gone_at_any_age(role: str) -> None:
    bounded = topic(role, retention_bytes="1048576")
    assert judged(**{role: bounded}) == []
    (line,) = doubted(**{role: bounded})
    assert f"topic {role}: retention.bytes 1048576" in line
    assert doubted(**{role: topic(role, retention_bytes="-1")}) == []


def test_summaries_are_kept_while_their_panes_are_open() -> None:
    open_for = 31 * DAY + 3_600_000  # pane, maturity and lateness
    (line,) = judged(summaries=topic("summaries", retention_ms=str(open_for - 1)))
    assert "shorter than a pane of model credit is open" in line
    assert judged(summaries=topic("summaries", retention_ms=str(open_for))) == []


@pytest.mark.parametrize("role", list(Topics.model_fields))
def test_the_wrong_clean_up_is_refused_both_ways(role: str) -> None:
    compacted = role in COMPACTED
    for policy in ("delete", "compact", "compact,delete"):
        lines = judged(**{role: topic(role, cleanup_policy=policy, max_message_bytes="9000000")})
        if role in ("predictions", "feedback"):
            lines = [line for line in lines if "dead_letters" not in line]  # their letters are as large
        assert len(lines) == (policy != "compact" if compacted else "compact" in policy)
        for line in lines:
            assert f"topic {role}: cleanup.policy is {policy}" in line
            assert line.endswith("set it to compact" if compacted else "set it to delete")


@pytest.mark.parametrize(
    ("role", "partner"), [("feedback", "predictions"), ("progress", "predictions"), ("snapshots", "summaries")]
)
def test_topics_that_go_together_have_as_many_partitions(role: str, partner: str) -> None:
    (line,) = judged(**{role: topic(role, 3)})
    assert f"topic {partner} has 1 partitions and {role} has 3" in line


@pytest.mark.parametrize("role", ["summaries", "progress", "snapshots"])
def test_a_frame_fits_into_its_topic(role: str) -> None:
    (line,) = judged(**{role: topic(role, max_message_bytes=str(FRAME_BYTES))})
    assert f"topic {role}: max.message.bytes {FRAME_BYTES} is too small" in line
