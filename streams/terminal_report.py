"""`print_report`: what a replay saw and raised, for a terminal or a pipe; the last thing that `replay` says.

Plain text: nothing of a stranger's reaches the terminal as a control sequence or as markup.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from schemas.spec import ModelSpec, MonitorSpec
from streams.output_files import with_content
from streams.report_cards import certainty, held_back, no_pane, trigger_facts
from streams.report_changes import Episode, episodes, explained, raised
from streams.report_data import Outputs, Version, read_outputs
from streams.report_text import INVALID, clean, moment, plural, sentence
from streams.report_unknown import LINES, Unknown, others, partly, performance
from streams.retraining_report import advice_lines, outcome_facts, retraining_lines

SHOWN = 20  # changes, and kinds of dead letters; the rest stands in the files
NOTED = 0.001  # of a feature's values: fewer are 0.0 %
WIDTH = 100  # longer lines are hard to read, however wide the terminal is
_WHOLE = "\N{NO-BREAK SPACE}%"  # a number and its sign stay on one line
_STYLES = {"alarm": "bold red", "notice": "yellow", "recovered": "green", "retrain": "bold magenta", "unknown": "dim"}
_STYLES |= {"schema": "cyan"}


_BINS = {
    "dead_lettered": "{} refused (see the dead letters)",
    "duplicate": "{} duplicate (said again what was known)",
    "late": "{} late (older than lateness allows, left out)",
    "expired": "{} expired (feedback after label_horizon)",
    "orphaned": "{} orphaned (feedback without its prediction)",
    "waiting": "{} waiting (their prediction may still come)",
    "corrected": "{} corrected (a second label from somebody who may correct; the first counts)",
    "conflicting": "{} conflicting (a second label that says something else; the first counts)",
}
"""What became of events that were not simply counted; how many of them there are goes in the braces."""


def print_report(
    console: Console, out: Path, spec: MonitorSpec, outputs: Outputs | None = None, notes: Sequence[str] = ()
) -> None:
    """Print what stands in the directory `out`.

    Parameters
    ----------
    outputs
        What was read there already.
    notes
        What a person should know of how the tables were read.
    """
    outputs = outputs or read_outputs(out, spec)
    page = _Page(console)
    _seen(page, outputs)
    for note in notes:
        page.line(note[:1].upper() + note[1:] + ".")
    names = list(dict.fromkeys([*spec.models, *(model for model, _ in outputs.versions)]))
    for name in names:
        _model(page, name, outputs, spec)
    _dead_letters(page, outputs)
    page.line()
    page.verbatim(f"Report: {out / 'report.html'}")
    page.verbatim(f"Beside it: {', '.join(with_content(out))}")


class _Page:
    """Writes lines broken at words, each with its indent; paths and the like stay whole."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = max(min(console.width, WIDTH), 40)

    def line(self, text: str = "", *, indent: int = 0, label: str = "", style: str = "") -> None:
        """Write `label` in its style and `text` after it; further lines start where the text does."""
        start = " " * indent + (f"{label}  " if label else "")
        wrapped = textwrap.wrap(
            clean(text).replace(" %", _WHOLE),
            self._width,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, row in enumerate(wrapped or [start.rstrip()]):
            styled = Text(row.replace(_WHOLE, " %"), no_wrap=True, overflow="ignore")
            if number == 0 and label:
                styled.stylize(style, indent, indent + len(label))
            self._console.print(styled, soft_wrap=True, highlight=False)

    def verbatim(self, text: str) -> None:
        """Write a line that is never broken."""
        self._console.print(Text(clean(text), no_wrap=True, overflow="ignore"), soft_wrap=True, highlight=False)


def _seen(page: _Page, outputs: Outputs) -> None:
    topics = ", ".join(
        f"{counts['read'] - counts.get('control', 0):,} {clean(name)}" for name, counts in outputs.topics.items()
    )
    span = outputs.span
    when = f", {moment(span[0])} to {moment(span[1])} (event time, UTC)" if span else ""
    page.line(f"Read {plural(outputs.events, 'event')} ({topics})" if topics else "Read no accounting.json")
    page.line(f"Closed {plural(outputs.panes, 'pane')}{when}")
    for topic, counts in outputs.topics.items():
        told = [words.format(f"{counts[name]:,}") for name, words in _BINS.items() if counts.get(name)]
        if told:
            page.line(f"of {clean(topic)}: {'; '.join(told)}", indent=2)
    if outputs.accounting.get("adds_up") is False:
        page.line("The events do not add up; see accounting.json.", label="error", style="bold red")


def _model(page: _Page, name: str, outputs: Outputs, spec: MonitorSpec) -> None:
    model = spec.models.get(name)
    versions = [version for (owner, _), version in outputs.versions.items() if owner == name]
    alerts = [alert for alert in outputs.alerts if alert.model == name]
    triggers = [trigger for trigger in outputs.triggers if trigger.model == name]
    changes = episodes(alerts)
    page.line()
    unknown = performance(versions, model)
    page.line(f"{name}: {_summary(changes, len(triggers), unknown, bool(versions))}")
    if not versions and model is not None:
        for text in no_pane(model, outputs):
            page.line(text, indent=2)
    else:
        missing = [*unknown, *partly(versions, model), *others(versions)]
        for line in missing[: len(unknown) + LINES]:
            page.line(sentence(str(line)), indent=2, label="unknown", style=_STYLES["unknown"])
        if len(missing) > len(unknown) + LINES:
            page.line("and more; see What is not known in report.html", indent=11)
    for text in [*held_back(versions), *advice_lines(outputs, name), *retraining_lines(outputs, name)]:
        page.line(text, indent=2)
    if model is not None:
        for text in _invalid(versions, model):
            page.line(text, indent=2)
    for trigger in triggers:
        page.line()
        page.line(sentence(trigger.reason), indent=2, label="retrain", style=_STYLES["retrain"])
        for fact in [*trigger_facts(trigger, model, outputs.shares), *outcome_facts(outputs.outcomes.get(trigger.id))]:
            page.line(fact.text, indent=4, label=f"{fact.name.lower():13}")
            if fact.name != "How sure":  # the alarms below say it
                for detail in fact.details:
                    page.line(detail, indent=19)
    if changes:
        page.line()
    for change in changes[:SHOWN]:
        _change(page, change, outputs, alone=len(versions) <= 1)
    if len(changes) > SHOWN:
        page.line(f"and {plural(len(changes) - SHOWN, 'more change')} in alerts.jsonl", indent=2)
    schema = [change for change in outputs.schema_changes if change.model == name]
    for each in schema[:SHOWN]:
        page.line(sentence(each.summary), indent=2, label="schema   ", style=_STYLES["schema"])
    if len(schema) > SHOWN:
        page.line(f"and {len(schema) - SHOWN:,} more in schema_changes.jsonl", indent=2)
    asked: dict[str, dict[str, int]] = {}
    for (owner, version, reason), requests in outputs.label_requests.items():
        if owner == name:
            asked.setdefault(version, {})[reason] = requests.count
    for version, counts in asked.items():
        why = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
        of = f"version {version}" + (f" ({why})" if len(counts) > 1 else "")
        page.line(f"{plural(sum(counts.values()), 'label')} of {of} would help; see label_requests.jsonl", indent=2)


def _invalid(versions: list[Version], model: ModelSpec) -> list[str]:
    """Return a line for each feature that has values of another type than it is declared with."""
    lines = []
    for each in versions:
        of = "" if len(versions) == 1 else f" (version {each.version})"
        for key, series in each.series.items():
            share = series.mean or 0.0
            if key.signal == "invalid" and key.feature in model.features and share >= NOTED:
                text = INVALID[model.features[key.feature].type]
                lines.append(f"{key.feature}: {100 * share:.1f} % of its values {text}{of}")
    return lines


def _summary(changes: list[Episode], triggers: int, unknown: list[Unknown], seen: bool) -> str:
    if not seen:
        return "no pane closed, so nothing is known"
    alarms = sum(change.severity == "alarm" for change in changes)
    notices = sum(change.severity == "notice" for change in changes)
    aside = [each.headline for each in unknown]
    if len(unknown) > 2:
        aside = [f"performance of {len(unknown)} versions is not known"]
    if not changes and not triggers:
        return ", ".join(aside) or "quiet, neither alarm nor notice"
    raised = [plural(alarms, "alarm"), plural(notices, "notice"), plural(triggers, "retraining trigger")]
    return ", ".join([*raised, *aside])


def _change(page: _Page, change: Episode, outputs: Outputs, *, alone: bool) -> None:
    told = change.told
    version = "" if alone else f" (version {told.version})"
    page.line(sentence(told.summary) + version, indent=2, label=f"{change.severity:9}", style=_STYLES[change.severity])
    over = "" if change.recovered is None else f" Over since {moment(change.recovered)}."
    sure = certainty(told.evidence, None)
    page.line(f"Raised {raised(change)}. {sure}{over}", indent=13)
    for text in explained(change, outputs.joined.get(told.episode, ())):
        page.line(sentence(text), indent=13)


def _dead_letters(page: _Page, outputs: Outputs) -> None:
    letters = sorted(outputs.dead_letters.values(), key=lambda each: (-each.count, each.topic, each.reason))
    if not letters:
        return
    page.line()
    page.line(f"{plural(sum(each.count for each in letters), 'dead letter')}, by reason:")
    for each in letters[:SHOWN]:
        example = textwrap.shorten(clean(each.examples[0]), 200) if each.examples else ""
        page.line(f"{each.topic}, {each.reason.replace('_', ' ')}: {example}", indent=2, label=f"{each.count:>7,}")
