"""What is not known about a model, in words: performance first, then every signal that was mostly `unknown`.

The page and the terminal both take it from here: neither may call a model quiet that was never judged.
"""

import re
from dataclasses import dataclass

from schemas.event_time import SECOND, Micros
from schemas.reading import Family
from schemas.spec import ModelSpec
from streams.report_data import Version
from streams.report_series import Key, Reason, Series
from streams.report_text import clean, length, title_of

NOTEWORTHY = 0.05  # of the cohorts: with fewer that were not judged, the newest of them alone are told
LINES = 8  # beside performance; every one stands in report.html and panes.jsonl
PARTS = 4  # features or segments that a line names
_LOSSES = frozenset({"error_rate", "absolute_error", "rating_loss"})
_SILENT = re.compile(r"version (.*) has no predictions in the pane of ")  # `detectors.rollout_stages`
_DELAY = Key("system", "label_delay_p95", "label")
_FEW_LABELS = "label coverage:"  # what the reason begins with (`detectors.signals.labels`)
_PANES: dict[Family, str] = {"traffic": "panes", "label": "label panes", "cohort": "cohorts"}


@dataclass(frozen=True)
class Unknown:
    """Something that nobody can say."""

    what: str
    """What it is, with its verb: `performance is`, `accuracy, recall are`."""
    why: str
    """In how many panes, and the reason."""
    where: str = ""
    """In how many panes, where it is known in others: ` in 3 of 5 cohorts`; `why` is the reason alone then."""

    @property
    def headline(self) -> str:
        """That it is not known, and where."""
        return f"{self.what} not known{self.where}"

    def __str__(self) -> str:
        return f"{self.headline}: {self.why}"


def judged_losses(version: Version) -> list[Series]:
    """Return the losses over all rows that are there to be judged: what alarms and triggers rest on."""
    return [series for key, series in sorted(version.series.items()) if _is_loss(key) and _is_judged(series)]


def performance(versions: list[Version], spec: ModelSpec | None) -> list[Unknown]:
    """Return a line for each of a model's versions whose performance is not known, or mostly not."""
    found = []
    for version in versions:
        why = _performance(version, spec)
        if why is not None:
            of = f" of version {clean(version.version)}" if len(versions) > 1 else ""
            found.append(Unknown(f"performance{of} is", *why))
    return found


def partly(versions: list[Version], spec: ModelSpec | None) -> list[Unknown]:
    """Return a line for each version of which a noteworthy part of the cohorts was not judged, or one of the newest.

    Where it is most of them, `performance` says so.
    """
    found = []
    for version in versions:
        series = _best_known(version)
        if series is None or not series.unknown or _mostly(series.unknown, series.panes):
            continue
        if series.unknown < NOTEWORTHY * series.panes and not any(series.newest):
            continue
        of = f" of version {clean(version.version)}" if len(versions) > 1 else ""
        where = f" in {series.unknown:,} of {series.panes:,} cohorts"
        reason = clean(max(series.reasons.values(), key=lambda reason: reason.panes).example)
        more = _too_early(version, spec, reason)
        if not more and spec is not None and reason.startswith(_FEW_LABELS):
            more = f". They are judged label_maturity ({length(spec.maturity)}) after their end"
        found.append(Unknown(f"performance{of} is", reason + more, where))
    return found


def others(versions: list[Version]) -> list[Unknown]:
    """Return a line for every reason for which other signals are mostly not known."""
    lines = []
    starts = {version.version: version.start for version in versions}
    for version in versions:
        unknown = _performance(version, None) is not None
        together: dict[tuple[Family, str], list[tuple[Series, Reason]]] = {}
        for key, series in sorted(version.series.items()):
            if _before_it_began(series, starts):
                continue
            follows = key.tier == "performance" and key.family == "cohort" and key.signal in _LOSSES
            if _mostly(series.unknown, series.panes) and not (follows and (unknown or not key.part)):
                kind, reason = max(series.reasons.items(), key=lambda item: item[1].panes)
                together.setdefault((key.family, kind), []).append((series, reason))
        of = f" (version {clean(version.version)})" if len(versions) > 1 else ""
        ranked = sorted(together.items(), key=lambda item: -max(series.unknown for series, _ in item[1]))
        for (family, _), group in ranked:
            most = max((series for series, _ in group), key=lambda series: series.unknown)
            alike = len({(series.unknown, series.panes) for series, _ in group}) == 1
            count = f"{'' if alike else 'up to '}{most.unknown:,} of {most.panes:,} {_PANES[family]}"
            names = _names([series.key for series, _ in group])
            verb = "is" if len(group) == 1 else "are"
            lines.append(Unknown(f"{names}{of} {verb}", f"{count}: {clean(group[0][1].example)}"))
    return lines


def _performance(version: Version, spec: ModelSpec | None) -> tuple[str, str] | None:
    """Return why performance is not known, and in which part of the cohorts if it is known in others."""
    if "cohort" not in version.panes:
        matured = "labels have not matured" if spec is None else f"labels mature {length(spec.maturity)} after a pane's"
        reached = "" if spec is None else " end, and the events do not reach so far"
        return f"no cohort was judged: {matured}{reached}", ""
    best = _best_known(version)
    if best is None:
        return "no cohort was judged", ""
    if not _mostly(best.unknown, best.panes):
        return None
    reason = clean(max(best.reasons.values(), key=lambda reason: reason.panes).example)
    reason += _too_early(version, spec, reason)
    count = f"{best.unknown:,} of {best.panes:,} cohorts"
    return (f"{count}: {reason}", "") if best.unknown == best.panes else (reason, f" in {count}")


def _best_known(version: Version) -> Series | None:
    """Return the loss over all rows that is known in most cohorts: one that is known is enough."""
    losses = judged_losses(version)
    named = [series for series in losses if series.key.signal in _LOSSES] or losses
    return min(named, key=lambda series: series.unknown / series.panes, default=None)


def _too_early(version: Version, spec: ModelSpec | None, reason: str) -> str:
    """Return why labels are too few, where they take longer than they are given."""
    delay = version.series.get(_DELAY)
    if spec is None or delay is None or delay.mean is None or not reason.startswith(_FEW_LABELS):
        return ""
    took = round(delay.mean * SECOND)
    if took <= spec.maturity:
        return ""
    return f". Labels take {length(took)} (95 %), label_maturity is {length(spec.maturity)}"


def _is_loss(key: Key) -> bool:
    return key.tier == "performance" and key.family == "cohort" and not key.part


def _is_judged(series: Series) -> bool:
    named = series.reference is not None or series.key.signal in _LOSSES
    return series.judged or series.baseline is not None or bool(series.unknown and named)


def _before_it_began(series: Series, starts: dict[str, Micros]) -> bool:
    """Return whether all that is not known is a comparison with a version from before its first prediction."""
    silent = [_SILENT.match(reason.example) for reason in series.reasons.values()]
    return bool(silent) and all(
        found is not None and found[1] in starts and reason.last <= starts[found[1]] + series.width
        for found, reason in zip(silent, series.reasons.values(), strict=True)
    )


def _mostly(unknown: int, panes: int) -> bool:
    return unknown > panes / 2


def _names(keys: list[Key]) -> str:
    parts: dict[str, list[str]] = {}
    for key in keys:
        parts.setdefault(title_of(key.signal), []).append(clean(key.part))
    separator = "; " if any(key.part for key in keys) else ", "
    return separator.join(title + _of([part for part in named if part]) for title, named in parts.items())


def _of(parts: list[str]) -> str:
    more = len(parts) - PARTS
    named = ", ".join(parts[:PARTS]) + (f" and {more} more" if more > 0 else "")
    return f" of {named}" if parts else ""
