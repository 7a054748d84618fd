"""The `kafka` block of the monitor file: where the broker is and what the topics are called."""

from typing import Literal

from pydantic import Field, PositiveInt, SecretStr, field_validator, model_validator

from schemas.contract import Name, Record

MOST_PORT = 65_535


class Topics(Record):
    """Names of the topics. Predictions and feedback have the same number of partitions and the same partitioner."""

    predictions: Name = Field("predictions", description="What models predicted; your services write it")
    feedback: Name = Field("feedback", description="What became known of predictions; your services write it")
    summaries: Name = Field("streamgauge-summaries", description="Level 1 to level 2, by model")
    progress: Name = Field("streamgauge-progress", description="How far each source partition is; compacted")
    snapshots: Name = Field("streamgauge-snapshots", description="State of level 2, by model; compacted")
    alerts: Name = Field("streamgauge-alerts", description="Alarms, notices and recoveries")
    triggers: Name = Field("streamgauge-triggers", description="Retraining triggers")
    label_requests: Name = Field("streamgauge-label-requests", description="Predictions whose labels would help most")
    pane_reports: Name = Field("streamgauge-pane-reports", description="Every reading of every closed pane")
    schema_changes: Name = Field(
        "streamgauge-schema-changes", description="Features that appeared, vanished or changed their type"
    )
    decisions: Name = Field("streamgauge-decisions", description="Every decision about retraining, yes or no")
    advice: Name = Field("streamgauge-advice", description="What to fall back on at once")
    outcomes: Name = Field("streamgauge-outcomes", description="Whether each retraining helped")
    serving: Name = Field("streamgauge-serving", description="Which version should answer, by model; compacted")
    dead_letters: Name = Field(
        "streamgauge-dead-letters", description="Events that break their contract, with the reason"
    )
    commands: Name = Field("streamgauge-commands", description="What people and training jobs ask for or report back")

    @model_validator(mode="after")
    def _distinct(self) -> "Topics":
        names = list(self.model_dump().values())
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each topic needs a name of its own; used twice: {', '.join(twice)}")
        return self


class Security(Record):
    """How to reach a broker that asks who we are."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How the broker speaks"
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="How to log in (SASL)"
    )
    username: str | None = Field(None, description="Who logs in (SASL)")
    password: SecretStr | None = Field(None, description="Their password (SASL); never printed or logged")
    ca_file: str | None = Field(
        None, description="PEM file of the authority that signed the broker's certificate; relative to the monitor file"
    )
    certificate_file: str | None = Field(
        None, description="PEM file of the client's certificate; relative to the monitor file"
    )
    key_file: str | None = Field(None, description="PEM file of the client's key; relative to the monitor file")

    @model_validator(mode="after")
    def _complete(self) -> "Security":
        if self.protocol.startswith("SASL") and not (self.mechanism and self.username and self.password):
            raise ValueError(f"{self.protocol} needs mechanism, username and password")
        if not self.protocol.startswith("SASL") and (self.mechanism or self.username or self.password):
            raise ValueError(
                f"mechanism, username and password go with SASL_PLAINTEXT or SASL_SSL, not {self.protocol}"
            )
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        return self


class KafkaSpec(Record):
    """The broker, the topics and the consumer group."""

    bootstrap: str = Field("localhost:9092", description="host:port, several separated by commas")
    group: Name = Field("streamgauge", description="Consumer group; also names the local state")
    topics: Topics = Field(default_factory=Topics)
    security: Security = Field(default_factory=Security)
    partitions: PositiveInt = Field(4, description="Partitions of topics that `topics create` makes")
    replication: PositiveInt = Field(1, description="Replication of topics that `topics create` makes")

    @field_validator("bootstrap")
    @classmethod
    def _addresses(cls, text: str) -> str:
        if wrong := wrong_bootstrap(text):
            raise ValueError(wrong)
        return text


def wrong_bootstrap(text: str) -> str | None:
    """Return why a text names no brokers, or None.

    Examples
    --------
    >>> wrong_bootstrap("one:9092, [::1]:9092")
    >>> wrong_bootstrap("localhost")
    "'localhost' is no host:port, as localhost:9092 is"
    """
    servers = [server.strip() for server in text.split(",") if server.strip()]
    if not servers:
        return "names no broker; host:port is expected, several separated by commas"
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host or not (port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
            return f"{server!r} is no host:port, as {host or server}:9092 is"
    return None
