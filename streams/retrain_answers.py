"""`Answers`: which triggers have their final report. What the commands topic says is the truth for all workers."""

from kafka import KafkaConsumer, TopicPartition

from streams.retrain_reports import answered, decoded

POLL_MS = 300


class Answers:
    """The triggers that have their final report on the commands topic, which is read on whenever somebody asks.

    Parameters
    ----------
    client
        A consumer of no group.
    """

    def __init__(self, client: KafkaConsumer, topic: str) -> None:
        self._client = client
        self._parts = [TopicPartition(topic, number) for number in sorted(client.partitions_for_topic(topic) or ())]
        client.assign(self._parts)
        client.seek_to_beginning(*self._parts)
        self._answered: set[str] = set()

    def triggers(self) -> set[str]:
        """Return the ids of those that have it by now."""
        ends = self._client.end_offsets(self._parts)
        while any(self._client.position(part) < end for part, end in ends.items()):
            for records in self._client.poll(timeout_ms=POLL_MS).values():
                found = (decoded(record.value or b"", tuple(record.headers)) for record in records)
                self._answered |= answered(report for report in found if report is not None)
        return self._answered
