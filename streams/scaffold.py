"""`streamgauge init`: writes a first monitor file from a table, with the reason for each choice beside it."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent

from schemas.event_time import Micros, format_duration, parse_duration, rfc3339
from streams.errors import UserError
from streams.files import PLACEHOLDER
from streams.table_file import TableFile
from streams.table_guess import Guess, guess

# Each about twice the one before it, so one has 100 to 200 rows; a week, for its rhythm, follows three days.
_WIDTHS = ("1m", "2m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d", "2d", "3d", "7d")
_PANES = tuple(map(parse_duration, _WIDTHS))
_ENOUGH_PANES = 60  # the spread between the reference's panes is measured on at least 30; twice that leaves room
_ENOUGH_ROWS = 100
_FEW_ROWS = 20
_NOTES = 40  # column of the comments beside keys
_SEGMENTS = 3  # the segments share one part of the false-alarm budget


def init(table: Path, out: Path, given: Mapping[str, str] | None = None) -> None:
    """Write a monitor file for `table` to `out`, and say on stdout what to do with it.

    Parameters
    ----------
    given
        Columns that somebody named, by `timestamp`, `id`, `label` and `outcome`.

    Raises
    ------
    UserError
        When the table cannot be read, has no rows, lacks a column that was named, or `out` exists.
    """
    found = guess(TableFile(table, str(table)), given)
    text = _draft(found, table, out.parent)
    if out.exists():
        raise UserError(f"{out}: is there already; give another name with --out, or remove it")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from None
    then = f"then run: streamgauge reference {out}"
    if found.problems:
        unsure = "".join(f"\n  {problem}" for problem in found.problems)
        text = f"what could not be told is marked {PLACEHOLDER}:{unsure}\nChange these and read the lines marked CHECK"
        print(f"wrote {out}, but {text}, {then}")  # noqa: T201
    else:
        print(f"wrote {out}: read the lines marked CHECK, {then}")  # noqa: T201


def draft(table: Path, base: Path, given: Mapping[str, str] | None = None) -> str:
    """Return the text of a monitor file that stands in `base` and is about `table`."""
    return _draft(guess(TableFile(table, str(table)), given), table, base)


def _draft(found: Guess, table: Path, base: Path) -> str:
    path = Path(os.path.relpath(table, base)).as_posix()
    times = ", its times not known"
    if found.start is not None and found.end is not None:
        times = f", {rfc3339(found.start)} to {rfc3339(found.end)}"
    lines = [
        f"# Drafted from {path}: {found.rows:,} rows{times}.",
        *(f"# {PLACEHOLDER}: {problem}" for problem in found.problems),
        "# What a table cannot tell is marked CHECK. A length of time is written 30m, 1h, 7d or 1d 12h, in event time.",
        "",
        "kafka:",
        _note('  bootstrap: "localhost:9092"', "CHECK: where your broker is; replay does not need one"),
        "",
        "models:",
        f"  {scalar(_model_name(table))}:",
        *(indent(line, "    ") for line in _model(found, _model_name(table))),
        "",
        *_files(found, path),
    ]
    return "\n".join(lines) + "\n"


def pane_width(rows: int, span: Micros) -> Micros:
    """Return a round width that cuts `span` into at least 60 panes, of at least 100 rows where that is possible.

    Of a table that is too short for either, panes have a row at least.
    """
    fine = [width for width in _PANES if span // width >= _ENOUGH_PANES] or [_PANES[0]]
    enough = next((width for width in fine if rows * width >= _ENOUGH_ROWS * span), fine[-1])
    return next((width for width in _PANES if width >= enough and rows * width >= span), _PANES[-1])


def scalar(text: str) -> str:
    """Return `text` as a YAML scalar, in quotes where it would be read as something else."""
    plain = re.fullmatch(r"[A-Za-z_][\w./-]*|(\.\./)+[\w./-]+", text) and text.lower() not in _NOT_PLAIN
    return text if plain else json.dumps(text, ensure_ascii=False)


_NOT_PLAIN = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _model_name(table: Path) -> str:
    stem = re.sub(r"[^\w-]+", "_", table.name.split(".")[0]).strip("_")
    return re.sub(r"_(reference|predictions?|analysis|train(ing)?|test|log|data)$", "", stem) or "model"


def _model(found: Guess, name: str) -> Iterator[str]:
    pane = _pane(found)
    horizon, maturity = _label_times(pane)
    if found.task is None:
        yield _note(f"task: {PLACEHOLDER}", "binary (needs positive_label, too), multiclass, regression or text")
    else:
        yield _note(f"task: {found.task}", "CHECK: binary, multiclass, regression or text")
    if found.positive_label is not None:
        yield _note(
            f"positive_label: {_quoted(found.positive_label)}", "CHECK: the class whose probability the score is"
        )
    if found.task == "multiclass":
        yield f"classes: [{', '.join(map(_quoted, found.classes))}]"
    yield ""
    yield "# CHECK: only what the model sees. numeric, categorical, boolean, text or datetime; to add rules, write"
    yield "# name: {type: numeric, range: [0, 120], nullable: false} or {type: categorical, allowed: [a, b]}."
    yield "features:"
    for feature, kind in found.features.items():
        yield f"  {scalar(feature)}: {kind}"
    if not found.features:
        yield f"  {PLACEHOLDER}: numeric"
    for column, reason in found.left_out.items():
        yield f"  # {scalar(column)}: left out: {reason}"
    yield ""
    yield from _segments(found)
    yield ""
    yield from _about_panes(found, pane)
    yield f"pane: {format_duration(pane)}"
    yield _note(
        f"lateness: {format_duration(min(pane, parse_duration('1h')))}", "CHECK: how far events are out of order"
    )
    yield _note(f"label_horizon: {horizon}", "CHECK: after this nobody waits for the outcome any more")
    yield _note(f"label_maturity: {maturity}", "CHECK: by then most outcomes are known; performance is judged then")
    yield ""
    yield _note("false_alarms: 1 per 90d", "all signals together; fewer false alarms are also later alarms")
    yield _note("minimum_effect:", "CHECK: what is too small to care about")
    if found.task == "regression":
        yield _note("  absolute_error: 0.0", "in the unit of the predicted number")
    else:
        yield _note(
            "  rating: 0.0" if found.task == "text" else "  error_rate: 0.0", "any real change is worth an alarm"
        )
    yield _note("  drift: 0.02", "largest distance of two distributions that are still the same")
    yield _note(
        "# costs: {loss: 10, retraining: 5000}",
        "CHECK: of one unit of loss, and of a retraining, in any unit; else assumed",
    )
    yield ""
    yield _note(f"reference: {scalar(f'{name}.profile.json')}", "streamgauge reference writes it, from files.reference")
    yield "retraining:"
    yield "  policies:"
    yield _note("    - type: cost", "a trigger once what a rise of the loss has cost pays for a retraining")
    yield "  cooldown: 7d"


def _pane(found: Guess) -> Micros:
    if found.start is None or found.end is None:
        return parse_duration("1d")
    return pane_width(found.rows, found.end - found.start)


def _about_panes(found: Guess, pane: Micros) -> Iterator[str]:
    if found.start is None or found.end is None:
        yield f"# CHECK: a width of which the reference has {_ENOUGH_PANES} panes or more, each of {_ENOUGH_ROWS} rows."
        return
    panes = (found.end - found.start) // pane + 1
    if found.rows < panes:
        yield f"# CHECK: {found.rows:,} rows over {panes:,} panes: most have none, and nothing can be judged on so few."
        return
    each = f"{found.rows // panes:,} {'row' if found.rows // panes == 1 else 'rows'}"
    counted = "1 pane" if panes == 1 else f"{panes:,} panes"
    yield f"# {counted} in this table, of about {each}. Wider: smaller changes, seen later."
    if panes < _ENOUGH_PANES:
        verb = "is" if panes == 1 else "are"
        yield f"# CHECK: {counted} {verb} a short reference; below 30 the spread between panes is not known."
    if found.rows < _FEW_ROWS * panes:
        yield f"# CHECK: about {each} a pane shows large changes only; with a longer table panes can be wider."


def _segments(found: Guess) -> Iterator[str]:
    chosen, others = found.segments[:_SEGMENTS], found.segments[_SEGMENTS:]
    if not chosen:
        yield _note("segments: []", "no categorical feature has 2 to 12 values")
        return
    yield "# Performance is also judged for each value of these; they share one part of the false-alarm budget."
    if others:
        yield f"# Also possible: {', '.join(others)}."
    yield f"segments: [{', '.join(map(scalar, chosen))}]"


def _label_times(pane: Micros) -> tuple[str, str]:
    if pane >= parse_duration("1d"):
        return "30d", "7d"
    return ("7d", "1d") if pane >= parse_duration("1h") else ("1d", "1h")


def _files(found: Guess, path: str) -> Iterator[str]:
    columns = {"prediction_id": found.prediction_id or PLACEHOLDER, "timestamp": found.timestamp or PLACEHOLDER}
    columns |= found.outputs if found.task else {"label": PLACEHOLDER}
    extra = {"version": found.version, "latency_ms": found.latency_ms}
    columns |= {field: name for field, name in extra.items() if name is not None}
    pairs = [f"{field}: {scalar(name)}" for field, name in columns.items()]
    if found.probabilities:
        by_class = ", ".join(f"{scalar(label)}: {scalar(name)}" for label, name in found.probabilities.items())
        pairs.append(f"probabilities: {{{by_class}}}")
    came_true = "rating" if found.task == "text" else "outcome"
    outcome = [f"{came_true}: {scalar(found.outcome)}"] if found.outcome else []
    outcome += _of_users(found)
    yield "# How tables become events, for replay, send and reference only. Features are found by name."
    yield "# CHECK: the reference is from a time that was good. Split your history by time: the good part is the"
    yield "# reference, what came after it goes under predictions and feedback. Until then all are the same table, and"
    yield "# replay shows how quiet the monitor is where nothing changes."
    if found.problems:
        yield f"# {PLACEHOLDER}: put a column's name there; instead of label a table may have score, value or text."
    yield "files:"
    yield "  reference:"
    yield f"    path: {scalar(path)}"
    yield f"    columns: {{{', '.join(pairs + outcome)}}}"
    yield "  predictions:"
    yield f"    path: {scalar(path)}"
    yield f"    columns: {{{', '.join(pairs)}}}"
    if not found.outcome:
        yield "  # CHECK: no column looks like the outcome, which performance needs; any table with the id may have it:"
    known = found.outcome or _of_users(found)
    yield from (line if known else f"  # {line[2:]}" for line in _feedback(found, path))


def _feedback(found: Guess, path: str) -> Iterator[str]:
    name = {"regression": "value", "text": "rating"}.get(found.task or "", "label")
    users = _of_users(found)
    outcomes = [f"{name}: {scalar(found.outcome or 'outcome')}", *users] if found.outcome or not users else users
    known = found.outcome or users
    maturity = _label_times(_pane(found))[1]
    yield "  feedback:"
    yield f"    path: {scalar(path) if known else 'outcomes.csv'}"
    yield f"    columns: {{prediction_id: {scalar(found.prediction_id or PLACEHOLDER)}, {', '.join(outcomes)}}}"
    yield _note(f"    delay: {maturity}", "CHECK: or columns.timestamp, where the table says when")


def _of_users(found: Guess) -> list[str]:
    """Return the columns of what users say, beside what came true."""
    columns = {"rating": found.rating, "correction": found.correction}
    return [f"{field}: {scalar(name)}" for field, name in columns.items() if name is not None]


def _note(line: str, note: str) -> str:
    return f"{line:<{_NOTES - 2 if len(line) < _NOTES - 2 else len(line)}}  # {note}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
