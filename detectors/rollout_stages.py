"""What closed cohorts mean for a rollout: each is compared; an answer ends the stage, one way or the other. Pure."""

from dataclasses import dataclass

from detectors.history import History
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.rollout import (
    Change,
    Moment,
    Refused,
    RolloutState,
    again,
    next_share,
    promote,
    roll_back,
)
from detectors.signals.loss import NAMES
from detectors.signals.signal import Finding
from detectors.version_comparison import VersionComparison
from detectors.version_losses import VersionLosses
from detectors.version_past import UNKNOWN_MEAN, UNKNOWN_VARIANCE, Past, bound_of, dispersion_of, guess_of
from detectors.wording import value_text
from schemas.event_time import Micros, rfc3339
from schemas.reading import Reading, Status
from schemas.spec import ModelSpec

SIGNAL = "version_difference"
MOST_CREDIT = 0.1  # beyond which waiting earns nothing: no stage stakes more than half of that
STAKED = 0.5  # of the credit, at the start of a stage, and of what it earns; the rest is for the stages after it


@dataclass(frozen=True)
class Worse:
    """A new version has been shown to be worse than the old one: what people are told of it."""

    new: str
    old: str
    stage: str
    """What was going on: shadow, canary or full."""
    what: str
    """By how much, in words."""
    value: float
    reference: float
    margin: float
    n: int
    since: Micros
    evidence: float
    automatic: bool
    """It has been rolled back; else people are to do it."""


@dataclass(frozen=True)
class Step:
    """What a cohort came to."""

    findings: list[Finding]
    change: Change | None = None
    worse: Worse | None = None


def begin_stage(state: RolloutState, spec: ModelSpec, past: Past, now: Micros, since: Micros | None = None) -> None:
    """Stake on the stage that has just begun; without one, do nothing.

    Parameters
    ----------
    since
        Start of the change that the new version was trained for, where it is known.
    """
    earn(state, spec, now)
    if state.candidate is None and not state.guarding:
        return
    assert state.serving is not None
    old = state.serving if state.candidate is not None else state.previous
    known = None if old is None else past(old)
    if state.comparison is None:
        mean, variance = (UNKNOWN_MEAN, UNKNOWN_VARIANCE) if known is None else guess_of(*known)
        phi = 1.0 if known is None else dispersion_of(known[1])
        state.comparison = VersionComparison(spec.retraining.rollout.margin, mean, variance, phi)
    state.comparison.begin_stage(_spend(state, state.credit))
    state.window = {}
    if state.guarding and known is not None:
        state.bound = bound_of(*known, spec.retraining.rollout.stage_labels, state.time, since)


def earn(state: RolloutState, spec: ModelSpec, now: Micros) -> None:
    """Earn credit of the budget of false alarms for the event time that has passed.

    A stake α on "worse" that is not, is lost with probability 1 - α at least: so all stakes in a time T sum to at most
    share · T / budget, and so does the expected number of false alarms.
    """
    if state.credited is None:
        state.credited = now
    passed = max(0, now - state.credited)
    state.credit = min(MOST_CREDIT, state.credit + spec.weights.rollout * passed / spec.false_alarms.length)
    state.credited = max(state.credited, now)


def _spend(state: RolloutState, earned: float) -> float:
    """Take a part of what was earned from the credit, and return it."""
    stake = STAKED * earned
    state.credit -= stake
    return stake


def read(state: RolloutState, moment: Moment, pane: ClosedPane, past: Past, since: Micros | None) -> Step:
    """Take a closed cohort; return its reading, and what the comparison comes to with it."""
    spec = pane.layout.spec
    before = state.credit
    earn(state, spec, pane.due)
    comparison = state.comparison
    if state.pair is None or comparison is None:
        return Step([])
    if not comparison.worse:  # a stage that began before anything was earned would be one without a guard
        comparison.stake(_spend(state, state.credit - before))
    new, old = state.pair
    findings: list[Finding] = []
    if any(known.start != pane.start for known in state.window.values()):
        findings += _lonely(state, comparison, pane, past)
        state.window = {}
    if pane.key.version in (new, old):
        state.window[pane.key.version] = VersionLosses.of(pane)
    if len(state.window) == 2:
        ours, theirs = state.window[new], state.window[old]
        comparison.compare(ours, theirs, counts=ours.start >= state.time)
        findings.append(_reading(comparison, spec, pane.key.version, ours, theirs, old))
        state.window = {}
    if not findings:
        return Step([])
    change, worse = _decide(state, comparison, moment, spec, past, since)
    return Step(findings, change, worse)


def _lonely(state: RolloutState, comparison: VersionComparison, pane: ClosedPane, past: Past) -> list[Finding]:
    """Return what is said of a cohort that only one of the two versions is in; of one before both were, nothing."""
    assert state.pair is not None
    new, old = state.pair
    ((version, losses),) = state.window.items()
    if version == new and state.bound is not None:
        if losses.start >= state.time:  # before, it was not on guard yet
            comparison.hold(losses, state.bound)
    elif version == old and losses.start < state.time and not _predicted(past(new), losses.start):
        return []
    else:
        silent = old if version == new else new
        if state.guarding and version == new and losses.start >= state.time:
            comparison.count(losses)  # with nothing to hold it against, the guard still has its end
        comparison.silent(f"version {silent} has no predictions in the pane of {rfc3339(losses.start)}")
    found = losses if version == new else None
    return [_reading(comparison, pane.layout.spec, pane.key.version, found, None, old)]


def _predicted(known: tuple[History, Layout] | None, by: Micros) -> bool:
    """Return whether a version has a cohort that began by then."""
    return known is not None and any(cohort.start <= by for cohort in known[0].cohorts)


def _decide(
    state: RolloutState,
    comparison: VersionComparison,
    moment: Moment,
    spec: ModelSpec,
    past: Past,
    since: Micros | None,
) -> tuple[Change | None, Worse | None]:
    rollout = spec.retraining.rollout
    assert state.pair is not None
    new, old = state.pair
    labels = comparison.new.rows
    said = _said(comparison, spec, state)
    if comparison.worse:
        if not rollout.automatic and state.warned is not None and state.warned.version == new:
            return None, None
        worse = _worse(state, comparison, spec, said)
        change = None
        if rollout.automatic:
            change = _carried_out(roll_back(state, moment, old, f"version {new} was rolled back: {said}"))
        return change, worse
    if state.guarding:
        if labels >= rollout.guard_labels:
            state.guarding, state.comparison, state.bound = False, None, None
        return None, None
    enough = max(rollout.stage_labels, rollout.guard_labels)
    if state.answered or labels < rollout.stage_labels or not (comparison.not_worse or labels >= enough):
        return None, None
    if comparison.not_worse:
        answer = f"version {new} is not worse than version {old}: {said}"
    else:
        answer = f"no difference between version {new} and version {old} was found: {said}"
    if not rollout.automatic:
        state.answered = True
        return again(state, moment, f"{answer}; promote it, or leave it"), None
    share = next_share(rollout, state)
    change = _carried_out(promote(state, moment, new, share, None, answer))
    begin_stage(state, spec, past, moment.now, since)
    return change, None


def _carried_out(result: Change | Refused) -> Change:
    assert isinstance(result, Change), result
    return result


def _worse(state: RolloutState, comparison: VersionComparison, spec: ModelSpec, said: str) -> Worse:
    assert state.pair is not None
    new, old = state.pair
    reference = _old_mean(comparison, state)
    return Worse(
        new=new,
        old=old,
        stage=state.stage,
        what=said,
        value=comparison.new.mean or 0.0,
        reference=reference or 0.0,
        margin=comparison.margin,
        n=comparison.new.rows,
        since=state.time,
        evidence=comparison.evidence,
        automatic=spec.retraining.rollout.automatic,
    )


def _old_mean(comparison: VersionComparison, state: RolloutState) -> float | None:
    if comparison.old.rows:
        return comparison.old.mean
    return None if state.bound is None else state.bound.mean


def _said(comparison: VersionComparison, spec: ModelSpec, state: RolloutState) -> str:
    """Return what the two versions lost in this stage, in words."""
    name = NAMES[spec.task]
    mine = value_text(name, comparison.new.mean)
    theirs = value_text(name, _old_mean(comparison, state))
    rows = f"{comparison.new.rows:,}"
    if comparison.how == "before" and state.bound is not None:
        where = f"over {rows} rows, against {state.bound.rows:,} before"
    elif comparison.how == "pairs":
        where = f"over {rows} rows that both predicted"
    else:
        where = f"over {rows} and {comparison.old.rows:,} rows of the same panes"
    return f"{name.replace('_', ' ')} {mine} against {theirs}, {where}"


def _reading(
    comparison: VersionComparison,
    spec: ModelSpec,
    version: str,
    new: VersionLosses | None,
    old: VersionLosses | None,
    old_name: str,
) -> Finding:
    """Return how much more the new version lost in the cohort than the old one."""
    problem = comparison.problem
    if problem is None and not spec.weights.rollout:
        problem = "weights.rollout is 0: nothing is staked on it"
    value = None
    if new is not None and old is not None and new.labelled and old.labelled:
        value = new.loss / new.labelled - old.loss / old.labelled
    stage_new, stage_old = comparison.new.mean, comparison.old.mean
    status: Status = "unknown" if problem is not None else "alarm" if comparison.worse else "ok"
    pair = [each for each in (new, old) if each is not None]
    own = next((each for each in pair if each.version == version), None)
    other = next((each for each in pair if each.version != version), None)
    return Finding(
        Reading(
            signal=SIGNAL,
            tier="performance",
            detector="betting",
            value=value,
            n=0 if own is None else own.labelled,
            status=status,
            reason=problem,
            detail=f"new version less version {old_name}" + (f", {comparison.how}" if comparison.how else ""),
            baseline=comparison.margin,
            effect=None if stage_new is None or stage_old is None else stage_new - stage_old,
            other_version=None if other is None else other.version,
            other_n=None if other is None else other.labelled,
            evidence=comparison.evidence,
        )
    )
