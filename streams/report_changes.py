"""A change in words, from its start to its recovery: the alert that leads, what moved with it, and its later alerts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from detectors.units import told_unit
from schemas.alert import Alert, Along, Severity
from schemas.event_time import Micros, to_micros
from streams.report_cards import moved_share, subject
from streams.report_data import Named
from streams.report_text import clean, length, moment, plural, value_text

NAMED = 6  # signals that moved along; of more it is said how many


@dataclass
class Episode:
    """The alerts of one change."""

    alerts: list[Alert] = field(default_factory=list)

    @property
    def first(self) -> Alert:
        """The alert that it began with."""
        return self.alerts[0]

    @property
    def severity(self) -> Severity:
        """The gravest of its alerts."""
        return "alarm" if any(alert.severity == "alarm" for alert in self.alerts) else self.first.severity

    @property
    def since(self) -> Micros:
        """Estimated start of the change, as the alert that leads has it."""
        return to_micros(self.told.since)

    @property
    def known(self) -> Micros:
        """When it was first told."""
        return to_micros(self.first.time)

    @property
    def recovered(self) -> Micros | None:
        """When it was over, or None while it lasts."""
        last = self.alerts[-1]
        return to_micros(last.time) if last.severity == "recovered" else None

    @property
    def told(self) -> Alert:
        """The alert that leads: the alarm that called first, of several at once the one with the strongest evidence.

        It has the newest reasons of all alerts of the change, and the newest slice of those about the same rows. It
        does not count what moved along: that grows, and is counted where it is listed.
        """
        lead = self._lead
        slices = [alert.slice for alert in self.alerts if alert.slice is not None and alert.segment == lead.segment]
        reasons = [alert.reasons for alert in self.alerts if alert.reasons]
        return lead.model_copy(
            update={
                "slice": slices[-1] if slices else None,
                "reasons": reasons[-1] if reasons else [],
                "summary": _uncounted(lead.summary),
            }
        )

    @property
    def later(self) -> list[Alert]:
        """All alerts but the one that leads, as they came."""
        return [alert for alert in self.alerts if alert is not self._lead]

    @property
    def _lead(self) -> Alert:
        changes = [alert for alert in self.alerts if alert.severity != "recovered"]
        return min(changes, key=lambda a: (a.severity != "alarm", a.time, -(a.evidence or 0.0)), default=self.first)


def episodes(alerts: list[Alert]) -> list[Episode]:
    """Return the changes that `alerts` speak of: alarms first, then by their start."""
    found: dict[tuple[str, str, str], Episode] = {}
    for alert in alerts:
        found.setdefault((alert.model, alert.version, alert.episode), Episode()).alerts.append(alert)
    return sorted(found.values(), key=lambda e: (e.severity != "alarm", e.known, e.since, e.first.id))


def raised(episode: Episode) -> str:
    """Return when the change was told, how long after its start, and since when it is more than a notice.

    The start is that of the alert which leads; a notice that came before it is told without a delay.
    """
    delay = episode.known - episode.since
    text = moment(episode.known) + (f", {length(delay)} after its start" if delay >= 0 else "")
    alarm = next((alert for alert in episode.alerts if alert.severity == "alarm"), None)
    graver = alarm is not None and alarm is not episode.first
    return f"{text}, as a notice; an alarm since {moment(to_micros(alarm.time))}" if alarm and graver else text


def explained(change: Episode, joined: Iterable[Named] = ()) -> list[str]:
    """Return what else is known of a change, a sentence each: what moved with it, where, why, and its other alerts.

    Parameters
    ----------
    joined
        Signals that joined it without an alert (`Outputs.joined`).
    """
    told = change.told
    lines = []
    others = _others(change, joined)
    if others:
        count = max(
            len(others), *(len(alert.along) + alert.along_more for alert in change.alerts if alert.along_more), 0
        )
        more = count - min(len(others), NAMED)
        named = f"{', '.join(others[:NAMED])}{f' and {more:,} more' if more > 0 else ''}"
        lines.append(f"With it {plural(count, 'other signal')}: {named}.")
    if told.slice is not None and not any(told.slice.description in alert.summary for alert in change.alerts):
        lines.append(f"Where: {clean(told.slice.description)}.")
    mistakes = [each for alert in change.alerts for each in alert.movers if each.feature is None is each.segment]
    if mistakes:
        lines.append(f"Mistakes: {clean(mistakes[-1].description)}.")
    if told.reasons:
        reasons = "; ".join(clean(each.description) for each in told.reasons[:NAMED])
        lines.append(f"What sets high scores apart from low ones has changed: {reasons}.")
    lines += [f"{moment(alert.time)} {alert.severity}: {_uncounted(alert.summary)}" for alert in change.later]
    return lines


def _others(change: Episode, joined: Iterable[Named]) -> list[str]:
    """Return the signals beside the one that leads, each once, with what it moved from and to where that is known."""
    found: dict[str, str] = {}
    for alert in reversed(change.alerts):
        for each in alert.along:
            found.setdefault(subject(each.signal, each.feature, each.segment), _moved_along(each))
    for alert in change.later:
        if alert.severity != "recovered":
            found.setdefault(subject(alert.signal, alert.feature, alert.segment), _moved_along(alert))
    for named in joined:
        found.setdefault(subject(*named), "")
    lead = change.told
    found.pop(subject(lead.signal, lead.feature, lead.segment), None)
    return [f"{name} ({values})" if values else name for name, values in found.items()]


def _moved_along(found: Alert | Along) -> str:
    """Return from where to where a signal moved; nothing where that is not known."""
    if found.value is None or found.reference is None:
        return ""
    unit = told_unit(found.signal)
    text = f"{value_text(found.reference, unit)} → {value_text(found.value, unit)}"
    if found.tier != "drift" or found.signal == "joint_drift":
        return text
    share = found.what if isinstance(found, Along) else moved_share(found, {})
    return f"{clean(share).removesuffix(',').removesuffix(', against the recent past')} {text}"


_COUNTED = re.compile(r"(?:; \d+ other signals? moved along|, and with it \d+ other signals?)(?=\.)", re.ASCII)


def _uncounted(summary: str) -> str:
    """Return the sentence of an alert without how many signals had moved along by then."""
    return _COUNTED.sub("", summary)
