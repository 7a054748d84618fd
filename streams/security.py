"""How clients prove who they are: the `security` block of the monitor file, worded for each client library."""

import ssl
from pathlib import Path
from typing import Any

import faust
from faust.types.auth import CredentialsT

from schemas.kafka_spec import KafkaSpec, Security
from streams.errors import UserError


def kafka_python_settings(spec: KafkaSpec, base: Path) -> dict[str, Any]:
    """Return keyword arguments for every client of kafka-python. Certificate paths are relative to `base`."""
    security = spec.security
    settings: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(spec),
        "security_protocol": security.protocol,
    }
    if security.protocol.endswith("SSL"):
        settings["ssl_context"] = ssl_context(security, base)
    if security.password is not None:
        settings |= {
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password.get_secret_value(),
        }
    return settings


def aiokafka_settings(spec: KafkaSpec, base: Path) -> dict[str, Any]:
    """Return keyword arguments for a client of aiokafka; it happens to use the same names."""
    return kafka_python_settings(spec, base)


def faust_credentials(spec: KafkaSpec, base: Path) -> CredentialsT | None:
    """Return Faust's `broker_credentials`, None for PLAINTEXT."""
    security = spec.security
    context = ssl_context(security, base) if security.protocol.endswith("SSL") else None
    if security.password is not None:
        return faust.SASLCredentials(
            username=security.username,
            password=security.password.get_secret_value(),
            mechanism=security.mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def faust_broker(spec: KafkaSpec) -> str:
    """Return Faust's broker URL: every server with the scheme."""
    return ";".join(f"kafka://{server}" for server in bootstrap_servers(spec))


def bootstrap_servers(spec: KafkaSpec) -> list[str]:
    """Return `bootstrap` as a list."""
    return [server.strip() for server in spec.bootstrap.split(",") if server.strip()]


def ssl_context(security: Security, base: Path) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and name, and shows ours where there is one.

    Raises
    ------
    UserError
        When a file is missing or not what it should be.
    """
    where = "kafka.security.ca_file"
    try:
        ca = None if security.ca_file is None else str(base / security.ca_file)
        context = ssl.create_default_context(cafile=ca)
        if security.certificate_file is not None and security.key_file is not None:
            where = "kafka.security.certificate_file, key_file"
            context.load_cert_chain(str(base / security.certificate_file), str(base / security.key_file))
    except (OSError, ssl.SSLError) as error:
        raise UserError(f"{where}: {error.strerror or error}: give PEM files that the worker can read") from None
    return context
