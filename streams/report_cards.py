"""What people act on, in words: what moved, how sure that is, triggers, and why there is none."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from detectors.units import told_unit
from schemas.alert import Alert
from schemas.spec import ModelSpec, Task
from schemas.trigger import Evidence, RetrainingTrigger
from streams.report_data import SHARE, Outputs, Version
from streams.report_text import clean, length, moment, number, plural, ratio_text, sentence, title_of, value_text

HOW = {
    "full": "Train a new model on these rows.",
    "warm_start": "Warm start: go on from the present model with these rows; they are few for a training from nothing.",
    "promote_challenger": "Promote the challenger that has been learning beside the champion.",
}
POLICIES = {
    "ad_hoc": "somebody asked for it",
    "schedule": "the schedule",
    "drift": "the drift policy",
    "performance": "the performance policy",
    "cost": "the cost policy",
    "any": "one of several policies",
    "all": "several policies together",
    "first": "the first policy that could tell",
}


Shares = Mapping[tuple[str, str | None], str]


class Fact(NamedTuple):
    """One thing to know about a trigger."""

    name: str
    text: str
    details: list[str]


class Movement(NamedTuple):
    """What moved: the same value before and after."""

    what: str
    before: str
    after: str


def subject(signal: str, feature: str | None, segment: str | None) -> str:
    """Return what a signal is about: its name, and the feature or segment."""
    return title_of(signal) + "".join(f" of {clean(part)}" for part in (feature, segment) if part)


def movement(found: Alert | Evidence, task: Task | None, shares: Shares = MappingProxyType({})) -> Movement | None:
    """Return the value before and after, or None where they are not known.

    Parameters
    ----------
    shares
        `Outputs.shares`: which share of rows a drift moved.
    """
    if found.value is None or found.reference is None:
        return None
    unit = told_unit(found.signal, task)
    return Movement(
        moved_share(found, shares) if found.tier == "drift" else subject(found.signal, found.feature, found.segment),
        value_text(found.reference, unit),
        value_text(found.value, unit),
    )


def moved_share(found: Alert | Evidence, shares: Shares) -> str:
    """Return whose share a drift's values are: its readings are PSI, and its alert speaks of one edge or category."""
    if isinstance(found, Alert):
        said = SHARE.match(found.summary)
        share = said[1] if said else None
    else:
        share = shares.get((found.alert or "", found.feature))
    of = clean(found.feature) if found.feature else "the prediction"
    return clean(share[:1].upper() + share[1:]) if share else f"drift of {of} (a share of rows)"


def certainty(evidence: float | None, budget: str | None) -> str:
    """Return how sure an alert is, in words."""
    if evidence is None:
        return "An early notice: this detector promises no rate of false alarms."
    promised = f" False alarms expected: at most {clean(budget)}, all signals together." if budget else ""
    return f"Evidence {ratio_text(evidence)}; 1 is enough.{promised}"


def trigger_facts(
    trigger: RetrainingTrigger, spec: ModelSpec | None, shares: Shares = MappingProxyType({})
) -> list[Fact]:
    """Return what a trigger says: since when, how sure, what waiting costs, what to train on and how.

    Parameters
    ----------
    shares
        `Outputs.shares`: which share of rows a drift moved.
    """
    task = None if spec is None else spec.task
    facts = [Fact("Since", moment(trigger.since), [f"decided {moment(trigger.time)} by {POLICIES[trigger.policy]}"])]
    if trigger.evidence:
        strongest = max(trigger.evidence, key=lambda each: each.evidence or 0.0)
        budget = str(spec.false_alarms) if spec else None
        others = [_evidence(each, task, shares) for each in trigger.evidence]
        facts.append(Fact("How sure", certainty(strongest.evidence, budget), others))
    if trigger.waiting is not None:
        facts.append(_waiting(trigger, spec))
    data = trigger.train_on
    slices = [
        f"{clean(each.segment)}: {plural(each.rows, 'labelled row')} ({clean(each.reason)})" for each in data.slices
    ]
    window = f"Predictions from {moment(data.window.start)} to {moment(data.window.end)}"
    facts.append(
        Fact(
            "Train on",
            f"{window}: {plural(data.labelled_rows, 'labelled row')}.",
            [*(f"must be in: {text}" for text in slices), *_offsets(trigger)],
        )
    )
    facts.append(Fact("How", HOW[trigger.how], _challenger(trigger, task)))
    return facts


def _evidence(found: Evidence, task: Task | None, shares: Shares) -> str:
    moved = movement(found, task, shares)
    what = moved.what if moved else subject(found.signal, found.feature, found.segment)
    change = f": {moved.before} → {moved.after}" if moved else ""
    sure = "" if found.evidence is None else f", evidence {ratio_text(found.evidence)}"
    return f"{what}{change} over {plural(found.n, 'row')} since {moment(found.since)}{sure}"


def _waiting(trigger: RetrainingTrigger, spec: ModelSpec | None) -> Fact:
    waiting, task = trigger.waiting, None if spec is None else spec.task
    assert waiting is not None
    excess = number(waiting.excess_loss_per_day)
    loss = {"binary": "errors", "multiclass": "errors", "regression": "absolute error, summed,"}.get(task or "", "loss")
    text = f"{excess} more {loss} a day than in the reference."
    if waiting.cost_per_day is not None:
        # by the matrix it is not the loss at a price, but a sum of its own
        unit = "costs.loss:" if spec is None or spec.costs.matrix is None else "costs.matrix;"
        text = f"{number(waiting.cost_per_day)} a day, in the unit of {unit} {text}"
    return Fact("Waiting costs", text, [f"at {number(waiting.predictions_per_day)} predictions a day"])


def _challenger(trigger: RetrainingTrigger, task: Task | None) -> list[str]:
    losses = trigger.challenger or {}
    if not {"challenger", "champion"} <= losses.keys():
        return []
    unit = told_unit("champion_loss", task)
    champion, challenger = losses["champion"], losses["challenger"]
    verdict = "better than" if challenger < champion else "no better than"
    rows = f" on {number(losses['rows'])} recent rows" if "rows" in losses else ""
    return [
        f"the challenger that learns along is {verdict} the champion: loss {value_text(challenger, unit)} "
        f"against {value_text(champion, unit)}{rows}"
    ]


def _offsets(trigger: RetrainingTrigger) -> list[str]:
    topics = trigger.provenance.get("offsets")
    lines = []
    for topic, partitions in topics.items() if isinstance(topics, dict) else ():
        for partition, offsets in partitions.items() if isinstance(partitions, dict) else ():
            if isinstance(offsets, list | tuple) and len(offsets) == 2:
                lines.append(clean(f"offsets of {topic}[{partition}]: {offsets[0]} to {offsets[1]}"))
    more = len(lines) - 4
    return lines if more <= 0 else [*lines[:4], f"and {more} more partitions; see provenance in triggers.jsonl"]


def held_back(versions: list[Version]) -> list[str]:
    """Return for which versions a trigger is held back, and why."""
    return [
        f"A trigger is held back{f' (version {clean(each.version)})' if len(versions) > 1 else ''}: "
        f"{sentence(each.held_back)}"
        for each in versions
        if each.held_back
    ]


def no_pane(spec: ModelSpec, outputs: Outputs) -> list[str]:
    """Return why no pane of a model closed, and what to do."""
    refused = sum(counts.get("dead_lettered", 0) for counts in outputs.topics.values())
    if outputs.events == 0:
        return ["No event was read.", "Look at files.predictions.path of the monitor file."]
    if outputs.versions:
        return ["Other models closed some: do events name this one?", "Look at `model` in the events."]
    if refused >= outputs.events / 2:
        return ["Most events were refused.", "See the dead letters for what is wrong with them."]
    needed = length(spec.pane + spec.lateness)
    return [
        f"A pane of {length(spec.pane)} closes once event time has passed its end by the lateness "
        f"({length(spec.lateness)}), so the events must span more than {needed}.",
        "Replay more data, or make `pane` shorter and build the reference again.",
    ]
