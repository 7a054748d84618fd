"""What came of retrainings, in words: who serves, each trigger's outcome, and how often retraining has helped."""

from collections import Counter

from schemas.event_time import to_micros
from schemas.serving import Serving
from schemas.trigger_outcome import TriggerOutcome
from streams.report_cards import Fact
from streams.report_data import Outputs
from streams.report_references import reference_lines
from streams.report_text import clean, moment, number, plural, sentence

_WORDS = {
    "helped": "helped",
    "no_difference": "made no difference",
    "worse": "made it worse",
    "failed": "failed",
    "refused": "was refused",
    "unanswered": "was not answered",
}
_NOTHING = frozenset({"failed", "unanswered"})
"""Statuses of retrainings that no version came of, so that nobody can say whether it helped."""


def outcome_facts(outcome: TriggerOutcome | None) -> list[Fact]:
    """Return what came of a trigger, as one more thing to know about it; nothing where that is not known."""
    if outcome is None:
        return []
    details = [
        f"{name}: {number(each.loss)} over {each.rows:,} rows of version {clean(each.version)} "
        f"(95 %: {number(each.low)} to {number(each.high)})"
        for name, each in (("before", outcome.before), ("went on", outcome.without), ("after", outcome.after))
        if each is not None
    ]
    if outcome.saved is not None and outcome.regret is not None and outcome.served_rows:
        assumed = " (assumed)" if outcome.price_assumed else ""
        details.append(
            f"cost {number(outcome.retraining_cost)}{assumed}, saved {number(outcome.saved)} so far, over "
            f"{outcome.served_rows:,} rows"
        )
    return [Fact("Outcome", _WORDS[outcome.status], [sentence(clean(outcome.reason)), *details])]


def advice_lines(outputs: Outputs, model: str) -> list[str]:
    """Return what was advised at once, before any retraining."""
    return [
        f"Advised {moment(to_micros(one.time))}, at once: {sentence(clean(one.reason))}"
        for one in outputs.advice
        if one.model == model
    ]


def retraining_lines(outputs: Outputs, model: str) -> list[str]:
    """Return who serves a model, and how its retrainings have done, where there is anything to say."""
    lines = []
    serving = outputs.serving.get(model)
    if serving is not None:
        lines.append(_serving(serving))
    versions = [version for (owner, _), version in outputs.versions.items() if owner == model]
    lines += reference_lines((each.version, *each.adopted) for each in versions if each.adopted is not None)
    known = [one for one in outputs.outcomes.values() if one.model == model]
    triggers = sum(trigger.model == model for trigger in outputs.triggers)
    if known:
        lines.append(_record(known, max(triggers, len(known))))
    return lines


def _serving(serving: Serving) -> str:
    tried = {
        "full": "",
        "shadow": f", version {serving.candidate} in shadow",
        "canary": f", version {serving.candidate} answers {serving.share:.0%}",
    }[serving.stage]
    return clean(f"Version {serving.version} serves{tried}, since {moment(to_micros(serving.time))}. {serving.reason}")


def _record(outcomes: list[TriggerOutcome], triggers: int) -> str:
    """Return the metrics of the strategy itself."""
    counts = Counter(one.status for one in outcomes)
    told = ", ".join(f"{count} {_worded(status, count)}" for status, count in counts.most_common())
    cost = sum(one.retraining_cost for one in outcomes)
    saved = sum(one.saved or 0.0 for one in outcomes)
    assumed = " (assumed)" if any(one.price_assumed for one in outcomes) else ""
    known = len(outcomes) > 1 and not counts.keys() <= _NOTHING
    share = f"; {counts['helped'] / len(outcomes):.0%} helped" if known else ""
    return (
        f"{plural(triggers, 'retraining trigger')}, {plural(len(outcomes), 'known outcome')}: {told}{share}. "
        f"Cost {number(cost)}{assumed}, saved {number(saved)} so far."
    )


def _worded(status: str, count: int) -> str:
    words = _WORDS[status]
    return words if count == 1 else words.replace("was ", "were ", 1)
