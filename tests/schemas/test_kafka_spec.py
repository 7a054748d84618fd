import pytest
from pydantic import ValidationError

from schemas.kafka_spec import KafkaSpec


@pytest.mark.parametrize("bootstrap", ["localhost:9092", "a:1, b.example:65535,", "[::1]:9092", "10.0.0.1:9092"])
def test_hosts_with_their_ports_are_taken(bootstrap: str) -> None:
    assert KafkaSpec(bootstrap=bootstrap).bootstrap == bootstrap


@pytest.mark.parametrize(
    ("bootstrap", "says"),
    [
        ("localhost", "'localhost' is no host:port, as localhost:9092 is"),
        ("a:9092,b", "'b' is no host:port, as b:9092 is"),
        (":9092", "':9092' is no host:port"),
        ("a:0", "'a:0' is no host:port, as a:9092 is"),
        ("a:65536", "no host:port"),
        ("a:kafka", "no host:port"),
        (" , ", "names no broker; host:port is expected"),
    ],
)
def test_what_names_no_broker_says_what_is_expected(bootstrap: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        KafkaSpec(bootstrap=bootstrap)
