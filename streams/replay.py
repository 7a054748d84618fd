"""`replay`: files in, reports out, no broker. The same level 1 and level 2 as the worker, in one partition.

Same input, same bytes: nothing here reads a clock, and files are written in the order in which level 2 closed panes.
"""

import gc
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.event_time import Micros, rfc3339
from schemas.spec import MonitorSpec
from streams.accounting import adds_up
from streams.allocator import give_back
from streams.command_file import read_commands
from streams.dead_letters import describe
from streams.errors import UserError
from streams.files import load_layouts
from streams.monitoring import MonitorPartition
from streams.open_archive import open_archive
from streams.orphans import orphan_notes
from streams.output_files import ACCOUNTING, FILES
from streams.partition import SourcePartition
from streams.records import ROLES, Destination, Outgoing, Record, Role
from streams.refusal_remedy import much_refused, remedy
from streams.refusals import TooManyRefused
from streams.report import write_report
from streams.report_data import read_outputs
from streams.store import Store
from streams.table_chunks import TableChunk
from streams.table_notes import missing_classes
from streams.tables import Tables
from streams.terminal_report import print_report

CHUNK = 10_000  # events between checkpoints; outputs do not depend on it
OBJECTS = 500_000  # more new ones than gone, before garbage is collected: at 700 that took a quarter of the time


def replay(
    spec: MonitorSpec, base: Path, out: Path, *, progress: bool = False, commands: Sequence[Path] | None = None
) -> None:
    """Run the tables of a monitor file through both levels and write what comes of it into `out`.

    Ends with a watermark at the largest event time of all tables, as `send` does: a pane that ends later stays open.

    Parameters
    ----------
    commands
        Files of commands: each command is carried out before the first pane that is due after its time, those that are
        left at the end.

    Raises
    ------
    UserError
        When a table, a profile or a file of commands is missing or damaged, most rows of a table are refused, the
        archive has the same time in another cut, or `out` cannot be written.
    """
    give_back()
    layouts = load_layouts(spec, base)
    told = [] if commands is None else read_commands(commands, spec)
    tables = Tables(spec, base)
    if spec.archive is not None:
        from streams.archive_cuts import require_own_cut

        require_own_cut(spec, base, tables.start, tables.end)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot be made a directory for the reports: {error.strerror}") from error
    with _collecting_rarely(), tempfile.TemporaryDirectory(prefix="streamgauge-") as scratch, _Reports(out) as reports:
        archive = open_archive(spec, base, 0, 1, durable=False)
        source = SourcePartition(0, 1, spec, layouts, Store(Path(scratch), durable=False), None, archive)
        monitors = MonitorPartition(spec, layouts)
        monitors.schedule(told)
        levels = _Levels(source, monitors, reports)
        try:
            levels.take(_with_progress(tables.chunks(layouts, source.groups, CHUNK), tables.rows, progress))
        except TooManyRefused as stopped:
            raise UserError(stopped.of_tables + remedy(stopped.of_tables)) from None
        for role in ROLES:
            source.process(role, [Record(source.position[role] or 0, -1, None, _watermark(tables.end))])
        levels.checkpoint()
        for output in monitors.finish():
            reports.write(output)
        counts = source.counts()
        unarchived = source.unarchived()
        source.close()
    accounting: dict[str, Any] = {
        "events": counts,
        "adds_up": all(adds_up(counts[role]) for role in ROLES),
        "feedback_rows_without_outcome": tables.not_known_yet,
        "outputs": reports.counts,
    }
    notes = list(tables.notes)
    if commands is not None:
        refused = monitors.refused
        accounting["commands"] = {"given": len(told), "refused": {name: each for name, each in refused.items() if each}}
        notes += [f"command {id_} of {name}: {why}" for name, each in refused.items() for id_, why in each.items()]
    if archive is not None:
        archived = {"rows": archive.rows, "late_labels": archive.labels, "rows_of_open_panes": unarchived}
        accounting["archive"] = archived
        notes.append(archive.told(unarchived))
    (out / ACCOUNTING).write_text(json.dumps(accounting, indent=2) + "\n")
    outputs = read_outputs(out, spec)
    write_report(out, spec, outputs)
    topics: dict[Role, str] = {role: getattr(spec.kafka.topics, role) for role in ROLES}
    unnamed = missing_classes(spec, lambda name: None if spec.models[name].classes else layouts.classes(name))
    warnings = much_refused(counts, topics, outputs.dead_letters.values())
    warnings += orphan_notes(spec, tables, layouts, counts)
    print_report(Console(), out, spec, outputs, [*notes, *unnamed, *warnings])


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Keep the garbage collector off what stays; a chunk makes many objects and no cycles."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _watermark(end: Micros) -> bytes:
    return msgspec.json.encode({"type": "watermark", "timestamp": rfc3339(end)})


def _with_progress(chunks: Iterator[TableChunk], total: int, shown: bool) -> Iterator[TableChunk]:
    if not shown:
        yield from chunks
        return
    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=total)
        for chunk in chunks:
            yield chunk
            bar.advance(task, chunk.rows)


class _Levels:
    """Between level 1 and level 2: summaries go on to level 2; what it says, and dead letters, into the reports."""

    def __init__(self, source: SourcePartition, monitors: MonitorPartition, reports: "_Reports") -> None:
        self._source, self._monitors, self._reports = source, monitors, reports
        self._summaries = 0

    def take(self, chunks: Iterator[TableChunk]) -> None:
        """Take all chunks, a checkpoint after each; none is kept for what is done after the last."""
        for chunk in chunks:
            for role, decoded in chunk.decoded.items():
                self._source.take(role, decoded, chunk.records[role])
            self.checkpoint()

    def checkpoint(self) -> None:
        """Make what was taken durable, as a worker does after some chunks."""
        sending = self._source.checkpoint()
        self._source.sent()
        records = []
        for outgoing in sending:
            if outgoing.destination == "summaries":
                records.append(Record(self._summaries, -1, outgoing.key, outgoing.value, outgoing.headers))
                self._summaries += 1
            elif outgoing.destination == "dead_letters":
                self._reports.write(outgoing)
        for output in self._monitors.process(records):
            self._reports.write(output)


class _Reports:
    """The JSON Lines files; made empty first, so that no line of an earlier run is left."""

    def __init__(self, out: Path) -> None:
        self.counts = dict.fromkeys(FILES, 0)
        self._out = out
        self._stack = ExitStack()
        self._files: dict[Destination, IO[bytes]] = {}

    def write(self, outgoing: Outgoing) -> None:
        """Append an output to its file."""
        value = outgoing.value or b""
        if outgoing.destination == "dead_letters":
            value = describe(outgoing).model_dump_json().encode()
        self._files[outgoing.destination].write(value + b"\n")
        self.counts[outgoing.destination] += 1

    def __enter__(self) -> Self:
        for destination, name in FILES.items():
            try:
                self._files[destination] = self._stack.enter_context((self._out / name).open("wb"))
            except OSError as error:
                raise UserError(f"{self._out / name}: cannot be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
