"""`python -m tests.chaos.run --seeds 20`: runs seeds one after another, prints a line for each, fails if any broke.

One seed is one cluster, three workers, one plan of events, one schedule of faults, and a comparison with what an
undisturbed run says. The logs of a seed that broke stay in `out/chaos/seed-N`.
"""

import argparse
import io
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from bench.document import put_between
from schemas.spec import MonitorSpec
from streams.build_reference import build_reference
from streams.files import load_layouts, load_spec
from streams.topics import create

from ..kafka.broker import Kafka, missing, until
from .cluster import Cluster, running_cluster
from .expectation import expect
from .faults import Faults, start_all
from .schedule import EXTRA, KINDS, WORKERS, Fault, schedule
from .verdict import Verdict
from .workers import Workers
from .workload import Sender, plan, write_monitor, write_reference

PARTITIONS = 6
LONGER = 1.4
"""The clock of the faults stands still while workers recover, and events go on coming."""
MARKERS = ("<!-- chaos: begin -->", "<!-- chaos: end -->")


@dataclass(frozen=True)
class Size:
    """How much is sent, how long faults come, and how long a run may take to end after that."""

    predictions: int = 9_000
    hours: int = 120
    seconds: float = 60.0
    deadline: float = 150.0


@dataclass(slots=True)
class Result:
    """What became of a seed."""

    seed: int
    problems: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    """Workers that ended by themselves and were started again."""
    events: int = 0
    outputs: int = 0
    repeated: int = 0
    caught_up: float = 0.0
    """Seconds from the last event to the last commit."""
    seconds: float = 0.0

    def line(self) -> str:
        """Return one line on it."""
        kinds = Counter(text.split()[0] for text in self.faults)
        faults = ", ".join(f"{kind}{f' x{count}' if count > 1 else ''}" for kind, count in kinds.items())
        state = "ok" if not self.problems else f"BROKE: {self.problems[0]}"
        return (
            f"seed {self.seed}: {state}. {self.events:,} events, {self.outputs:,} outputs, {self.repeated} of them "
            f"sent again, {len(self.ends)} workers ended by themselves; caught up in {self.caught_up:.0f}s, "
            f"{self.seconds:.0f}s in all; {faults}"
        )

    def row(self) -> str:
        """Return a row of the table in the docs."""
        kinds = Counter(text.split()[0] for text in self.faults)
        faults = ", ".join(f"{kind}{f' ×{count}' if count > 1 else ''}" for kind, count in sorted(kinds.items()))
        state = "holds" if not self.problems else "**broke**"
        return (
            f"| {self.seed} | {state} | {self.events:,} | {self.outputs:,} | {self.repeated} | "
            f"{self.caught_up:.0f} s | {faults} |"
        )


def run_seed(seed: int, directory: Path, size: Size, faults: Sequence[Fault]) -> Result:
    """Run one seed with all its files in `directory`."""
    began = monotonic()
    result = Result(seed, faults=[str(fault) for fault in faults])
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        with running_cluster(directory / "kafka") as cluster:
            _run(directory, size, faults, cluster, result)
    except Exception as error:
        result.problems += [f"{type(error).__name__}: {error}", traceback.format_exc()]
    result.seconds = monotonic() - began
    (directory / "result.txt").write_text("\n".join([result.line(), *result.problems, *result.ends, ""]))
    return result


def _run(directory: Path, size: Size, faults: Sequence[Fault], cluster: Cluster, result: Result) -> None:
    sent = plan(result.seed, size.predictions, size.hours)
    path, spec = _prepare(directory, cluster.bootstrap)
    expected = expect(sent, spec, load_layouts(spec, directory), directory / "expected")
    cluster.until_in_sync()
    workers = Workers([*WORKERS, EXTRA], path, directory)
    sender = Sender(sent, spec, directory, LONGER * size.seconds)
    result.events = len(sent.events)
    try:
        sender.start()
        start_all(workers)
        _until_all_are_ready(workers)
        Faults(cluster, workers, directory / "faults.log").run(faults, size.seconds)
        sender.hurry()
        cluster.until_in_sync()
        with closing(Kafka(cluster.bootstrap)) as kafka:
            _finish(cluster, workers, sender, size, result, Verdict(kafka, spec, directory, sent, expected))
    finally:
        sender.stop()
        workers.kill()
        result.ends = [line for worker in workers.by_name.values() for line in worker.ends]
        result.problems += [f"workers: {line}" for worker in workers.by_name.values() for line in worker.refused]


def _prepare(directory: Path, bootstrap: str) -> tuple[Path, MonitorSpec]:
    """Make monitor file, profiles and topics."""
    write_reference(directory)
    path = write_monitor(directory, bootstrap, "chaos", PARTITIONS)
    spec = load_spec(path)
    with redirect_stdout(io.StringIO()):
        build_reference(spec, directory)
    create(spec, directory)
    return path, spec


def _until_all_are_ready(workers: Workers) -> None:
    """Wait until every worker has begun: faults that meet nobody prove nothing."""

    def ready() -> bool:
        workers.supervise()
        return all(worker.page("readyz")[0] == 200 for worker in workers.by_name.values() if worker.wanted)

    until(ready, "all workers to be ready", 60, pause=0.2)


def _finish(
    cluster: Cluster,
    workers: Workers,
    sender: Sender,
    size: Size,
    result: Result,
    verdict: Verdict,
) -> None:
    """Wait until everything is read, stop the workers, and judge."""
    _supervised(workers, lambda: not sender.is_alive(), "everything to be sent", size.deadline)
    if sender.error is not None:
        raise AssertionError(f"sender: {type(sender.error).__name__}: {sender.error}")
    last = monotonic()
    cluster.until_in_sync()
    try:
        _supervised(workers, lambda: not verdict.behind(), "all to be read", size.deadline)
    except AssertionError:
        result.problems += verdict.stuck(workers)
        workers.describe()
    result.caught_up = monotonic() - last
    if not result.problems:
        result.problems += _settled(workers, verdict)
    workers.stop()
    result.problems += verdict.after()
    result.outputs, result.repeated = verdict.published, verdict.repeated


def _settled(workers: Workers, verdict: Verdict) -> list[str]:
    """Return what the workers' pages say that is wrong, once they have had time to say it."""
    end = monotonic() + 15
    while (problems := verdict.of_workers(workers)) and monotonic() < end:
        sleep(0.5)
    return problems


def _supervised(workers: Workers, condition: Callable[[], bool], what: str, deadline: float) -> None:
    def met() -> bool:
        workers.supervise()
        return condition()

    until(met, what, deadline, pause=0.3)


def write_table(path: Path, results: Sequence[Result]) -> None:
    """Put the results between the markers of a page."""
    rows = "\n".join(result.row() for result in results)
    head = "| seed | | events | outputs | sent again | caught up after | faults |\n|---|---|---|---|---|---|---|"
    put_between(path, *MARKERS, f"{head}\n{rows}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds; return 1 if any broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"faults, of {', '.join(KINDS)}")
    parser.add_argument("--seconds", type=float, default=Size.seconds, help="for which faults come")
    parser.add_argument("--out", type=Path, default=Path("out/chaos"), help="logs of seeds that broke")
    parser.add_argument("--keep", action="store_true", help="keep the logs of all seeds")
    parser.add_argument("--write", type=Path, help="page whose table of results is written anew")
    options = parser.parse_args(arguments)
    if (lacking := missing()) is not None:
        sys.stderr.write(f"{lacking}\n")
        return 2
    size = Size(seconds=options.seconds, predictions=int(150 * options.seconds))
    for number in (signal.SIGTERM, signal.SIGINT):  # brokers and workers are ended on the way out
        signal.signal(number, lambda *_: sys.exit(130))
    results = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        directory = options.out.resolve() / f"seed-{seed}"
        result = run_seed(seed, directory, size, schedule(seed, size.seconds, options.kinds.split(",")))
        results.append(result)
        sys.stdout.write("\n  ".join([result.line(), *result.problems[1:], *result.ends]) + "\n")
        sys.stdout.flush()
        if not result.problems and not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    if options.write is not None:
        write_table(options.write, results)
    broke = [result.seed for result in results if result.problems]
    names = f"; broke: {', '.join(map(str, broke))}" if broke else ""
    sys.stdout.write(f"{len(results) - len(broke)} of {len(results)} seeds held{names}\n")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main())
