from pathlib import Path
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from schemas.kafka_spec import KafkaSpec, Security
from streams.errors import UserError
from streams.security import faust_broker, faust_credentials, kafka_python_settings

SASL = {"mechanism": "SCRAM-SHA-256", "username": "monitor", "password": "secret"}


def spec(**security: Any) -> KafkaSpec:
    return KafkaSpec(bootstrap="one:9092, two:9093", security=Security(**security))


def test_without_security_only_the_servers_are_given() -> None:
    assert kafka_python_settings(spec(), Path()) == {
        "bootstrap_servers": ["one:9092", "two:9093"],
        "security_protocol": "PLAINTEXT",
    }
    assert faust_credentials(spec(), Path()) is None
    assert faust_broker(spec()) == "kafka://one:9092;kafka://two:9093"


@pytest.mark.parametrize("protocol", ["SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_faust_tells_aiokafka_what_the_other_clients_are_told(protocol: str) -> None:
    sasl = SASL if protocol.startswith("SASL") else {}
    kafka = spec(protocol=protocol, **sasl)
    direct = kafka_python_settings(kafka, Path())
    through_faust = dict(credentials_to_aiokafka_auth(faust_credentials(kafka, Path())))
    assert (through_faust.pop("ssl_context", None) is None) == (direct.pop("ssl_context", None) is None)
    direct.pop("bootstrap_servers")
    assert through_faust == direct


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"kafka.security.ca_file: No such file"):
        kafka_python_settings(spec(protocol="SSL", ca_file="ca.pem"), tmp_path)
