"""`make profile`: what each stage of a worker costs, by sampling its stacks while it works off a backlog.

py-spy looks at the worker from outside, so nothing of it is slowed by being counted. A sample belongs to the stage of
the innermost frame that one claims; the share of a stage times the CPU time of an event is what the stage costs.
Moments in which a thread waits are left out, and so is everything before the first record.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bench.cluster import ROOT, running_cluster
from bench.document import put_between
from bench.monitor import Monitor
from bench.window import window
from bench.worker import check_work, part, running

EVENTS = 1_500_000
RATE = 200  # samples a second
PYSPY = ROOT / "bench" / ".venv-peers" / "bin" / "py-spy"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- profile: begin -->", "<!-- profile: end -->"

STAGES = (
    (
        "fetch: records out of batches, lz4",
        r"streams/fetched_records|PartitionRecords|lz4_decode|aiokafka/consumer|aiokafka/record",
    ),
    ("fetch: chunks by column", r"streams/(transport|chunks)"),
    ("decode: JSON to typed objects", r"Decoder\._typed"),
    ("decode: objects to columns", r"streams/(decoder|fast_|judged)|id_hash"),
    ("lateness, duplicates, join", r"streams/(join|id_index|feedback_log|column_log)|RowLog\.append"),
    (
        "count into summaries",
        r"detectors/(counting|numeric_bins|categories|losses|row_sample)|OpenPanes\.(count|_count)",
    ),
    (
        "samples of closed panes",
        r"OpenPanes\.(summaries|finish)|streams/pane_samples|RowLog\.stored|OpenedBlock|packed_rows|summary_message",
    ),
    ("save: rows to blocks", r"RowLog\.(save|_pack)|LabelLog\.save|OpenPanes\.save|streams/blocks"),
    ("commit: LMDB", r"streams/store"),
    ("send", r"streams/(publisher|framing|outbox)|aiokafka/producer|lz4_encode"),
    ("level 2", r"streams/(monitor_level|monitoring|outputs)|detectors/(monitor|merge|sample|signals)"),
    ("the rest: Faust, asyncio, the client", r""),
)
"""Name, and what of a frame (`function (file`) claims a sample; the first stage that matches the innermost frame."""

_WAITING = re.compile(r"select \(|_worker \(concurrent|wait \(threading|EpollSelector")
_STARTING = re.compile(r"<frozen importlib|load_layouts")


def main() -> int:
    """Profile one run and write the table."""
    parser = argparse.ArgumentParser(description="Sample a worker at work.")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--join", action="store_true", help="half of the events are feedback")
    options = parser.parse_args()
    cpu_us, stacks = _run(options.events, options.join)
    table = "\n".join(_table(cpu_us, stacks))
    print(table)
    if options.events == EVENTS and not options.join:
        put_between(DOCUMENT, BEGIN, END, table)
    return 0


def _run(events: int, join: bool) -> tuple[float, list[tuple[list[str], int]]]:
    """Return the CPU microseconds of an event, and the stacks that were seen: frames from the outside in."""
    with running_cluster() as cluster:
        source = Monitor("profile")
        cluster.monitor(source)
        predictions, feedback = (events // 2, events // 2) if join else (events, 0)
        cluster.predictions(source, 0, predictions)
        if feedback:
            cluster.feedback(source, 0, feedback, source.pane)
        cluster.close_all_panes(source, predictions)
        monitor = replace(source, name="profile-1", source="profile")
        raw = cluster.directory / "stacks.txt"
        with running(cluster, monitor, cluster.monitor(monitor)) as worker:
            spying = _spy(worker.pid, raw)
            laps = worker.follow(cluster.ends(monitor, "predictions", "feedback"), 600)
            run = part(laps, *window(events))
            worker.settle()
            check_work(worker, predictions, feedback)
        spying.wait(60)
        return run.cpu / run.events * 1e6, list(_stacks(raw.read_text().splitlines()))


def _spy(pid: int, raw: Path) -> "subprocess.Popen[bytes]":
    command = [str(PYSPY), "record", "--pid", str(pid), "--rate", str(RATE), "--format", "raw", "--nonblocking"]
    return subprocess.Popen([*command, "--output", str(raw)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _stacks(lines: Iterable[str]) -> Iterable[tuple[list[str], int]]:
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not _WAITING.search(frames[-1]) and not any(_STARTING.search(frame) for frame in frames):
            yield frames, int(count)


def stage_of(frames: list[str]) -> str:
    """Return the stage that a stack belongs to."""
    for frame in reversed(frames):
        for name, claimed in STAGES[:-1]:
            if re.search(claimed, frame):
                return name
    return STAGES[-1][0]


def _table(cpu_us: float, stacks: list[tuple[list[str], int]]) -> list[str]:
    found = Counter[str]()
    for frames, count in stacks:
        found[stage_of(frames)] += count
    total = sum(found.values())
    lines = [
        f"One run, {total:,} samples, {cpu_us:.2f} µs of CPU an event.",
        "",
        "| stage | share | µs an event |",
        "|---|--:|--:|",
    ]
    for name, _ in STAGES:
        share = found[name] / total
        lines.append(f"| {name} | {share:.1%} | {share * cpu_us:.2f} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
