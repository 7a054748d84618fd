"""Bytewax: a dataflow with one map that validates each message. One worker; its sink throws away."""

import sys

from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main
from confluent_kafka import OFFSET_BEGINNING

from bench.peers.contract import validate
from bench.peers.stopwatch import Stopwatch


class _Nothing(StatelessSinkPartition):
    def write_batch(self, items: list[object]) -> None: ...


class _Discard(DynamicSink):
    def build(self, *_: object) -> _Nothing:
        return _Nothing()


def main(bootstrap: str, topic: str, total: int) -> None:
    """Consume `topic` until `total` records have been validated."""
    watch = Stopwatch(total)

    def check(message: object) -> object:
        validate(message.value)  # type: ignore[attr-defined]
        watch.add(1)
        return message

    flow = Dataflow("bench")
    source = KafkaSource(
        [bootstrap],
        [topic],
        tail=True,
        starting_offset=OFFSET_BEGINNING,
        add_config={"max.partition.fetch.bytes": str(4 << 20)},
        batch_size=1_000,
    )
    messages = op.input("in", flow, source)
    op.output("out", op.map("validate", messages, check), _Discard())
    run_main(flow)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
