"""Which charts a model version gets, and in what order: signals known by name first, all others by their tier.

A signal that nobody entered here is drawn like any other; nothing has to change for it to be seen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from detectors.units import unit_of
from schemas.alert import Alert
from schemas.event_time import to_micros
from schemas.reading import Tier
from schemas.spec import Task
from streams.report_axes import TimeAxis
from streams.report_charts import SMALL, Chart, Line, Mark, evidence_chart, line_chart, moving_mean, strip
from streams.report_data import Version
from streams.report_series import Key, Series
from streams.report_text import clean, number, plural, sentence, title_of
from streams.report_unknown import judged_losses

MULTIPLES = 24  # small charts side by side; more are in the table and in panes.jsonl
ROWS = 40  # of the quality strip
OTHERS = 5  # segments that did not fire, drawn beside those that did

TIERS: dict[Tier, str] = {
    "outcomes": "Outcomes and feedback",
    "performance": "Performance",
    "proxies": "Proxies",
    "drift": "Drift",
    "quality": "Data quality",
    "system": "System",
}
_FAMILIES = {
    "traffic": "by prediction time",
    "label": "by the time labels became known",
    "cohort": "by prediction time, once labels have matured",
}
_TOGETHER = {
    "accuracy": ("Estimated and realised accuracy", 0, "realised, from labels"),
    "estimated_accuracy": ("Estimated and realised accuracy", 1, "estimated, before labels come"),
    "champion_loss": ("Champion and challenger", 0, "champion"),
    "challenger_loss": ("Champion and challenger", 1, "challenger, learning along"),
}
_QUANTILE = re.compile(r"^(.+)_p(\d{1,3})$")


@dataclass(frozen=True)
class Row:
    """One line of the quality strip."""

    label: str
    svg: Markup
    note: str
    alarmed: bool


@dataclass
class Section:
    """Charts under one heading."""

    anchor: str
    title: str
    intro: str = ""
    charts: list[Chart] = field(default_factory=list)
    multiples_title: str = ""
    multiples: list[Chart] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.charts or self.multiples or self.rows or self.note)


class Panels:
    """Sorts the series of one model version into sections."""

    def __init__(self, version: Version, task: Task | None, axis: TimeAxis, alerts: list[Alert], marks: list[Mark]):
        self._version, self._task, self._axis, self._alerts, self._marks = version, task, axis, alerts, marks
        self._left = dict(sorted(version.series.items()))

    def sections(self) -> list[Section]:
        """Return all sections that have something in them, the most telling first."""
        main = self._main()
        labels = self._labels()
        quality = self._quality()
        rest = [self._rest("outcomes", TIERS["outcomes"]), self._rest("proxies", TIERS["proxies"])]
        drift = self._rest("drift", TIERS["drift"])
        drift.intro = (
            "Distance of each distribution to the reference (PSI), on one scale; a dot where a detector fired."
        )
        more = self._rest("performance", "More on performance")
        system = self._rest("system", TIERS["system"])
        others = self._rest("quality", "More on data quality")
        return [section for section in (*main, *rest, more, drift, quality, others, labels, system) if section]

    @property
    def main(self) -> list[Series]:
        """The judged losses over all rows: what alarms and triggers rest on."""
        return judged_losses(self._version)

    def _main(self) -> list[Section]:
        section = Section("performance", TIERS["performance"])
        for series in self.main:
            self._left.pop(series.key, None)
            parts = [self._left.pop(key) for key in list(self._left) if key.part and key[:3] == series.key[:3]]
            section.charts += self._judged(series, parts)
            if parts:
                section.multiples_title = _capital(f"{title_of(series.key.signal)} by segment, on one scale")
                section.multiples += self._multiples(parts)
                section.note = self._too_many(parts)
        for heading in ("Estimated and realised accuracy", "Champion and challenger"):
            members = [key for key in self._left if not key.part and _TOGETHER.get(key.signal, ("",))[0] == heading]
            found = [self._left.pop(key) for key in members]
            lines = [Line(s, _TOGETHER[s.key.signal][2], _TOGETHER[s.key.signal][1]) for s in found]
            if lines:
                section.charts.append(self._chart(heading, lines, detail="means"))
        return [section]

    def _judged(self, series: Series, parts: list[Series]) -> list[Chart]:
        """Return the timeline of a judged loss and its evidence, with that of the segments."""
        signal = series.key.signal
        marks = [*self._marks, *self._marks_of(series.key, everywhere=True)]
        panes = len(series.buckets)
        chart = line_chart(
            _capital(f"{title_of(signal)}, {_FAMILIES[series.key.family]}"),
            [Line(series, title_of(signal))],
            self._axis,
            unit_of(signal, self._task),
            size="large",
            detail="panes" if panes >= 20 else "extremes",
            reach=_reach(panes),
            marks=marks,
        )
        firing = sorted((part for part in parts if part.alarms), key=lambda part: (-part.alarms, part.key))[:2]
        others = sorted((part for part in parts if part not in firing), key=lambda part: -(part.evidence or 0.0))
        which = "other segments" if firing else "segments"
        quiet = Line(series, f"strongest {which}" if len(others) > OTHERS else which, 3)
        lines = [Line(series, "all rows"), *(Line(part, clean(part.key.part), 1 + i) for i, part in enumerate(firing))]
        lines += [replace(quiet, series=part) for part in others[:OTHERS]]
        judged = [line for line in lines if line.series.evidence is not None]
        if not judged:
            return [chart]
        title = "Evidence that it has risen" + (", all rows and segments" if len(judged) > 1 else "")
        return [chart, evidence_chart(title, judged, self._axis)]

    def _labels(self) -> Section:
        section = Section("labels", "Labels", "How many come, and how late. Without labels performance is unknown.")
        return self._generic(section, [key for key in self._left if key.signal.startswith("label_")])

    def _rest(self, tier: Tier, title: str) -> Section:
        keys = [key for key in self._left if key.tier == tier]
        return self._generic(Section(f"{tier}-{len(title)}", title), keys)

    def _generic(self, section: Section, keys: list[Key]) -> Section:
        """Draw series over all rows one by one, quantiles of one signal together, and features or segments small."""
        together: dict[tuple[str, ...], list[Series]] = {}
        parts: dict[tuple[str, ...], list[Series]] = {}
        for key in keys:
            series = self._left.pop(key)
            stem = _QUANTILE.match(key.signal)
            if key.part:
                parts.setdefault((key.signal, key.family, key.detector), []).append(series)
            else:
                name = stem[1] if stem else key.signal
                together.setdefault((name, key.family, key.detector, "quantile" if stem else ""), []).append(series)
        for (name, family, _, quantile), group in together.items():
            labels = [f"{s.key.signal.rsplit('_p', 1)[1]} %" if quantile else title_of(name) for s in group]
            lines = [Line(each, label, min(i, 3)) for i, (each, label) in enumerate(zip(group, labels, strict=True))]
            title = f"{clean(name).replace('_', ' ')}, quantiles" if quantile else title_of(name)
            section.charts.append(self._chart(f"{title}, {_FAMILIES[family]}", lines))
        notes = []
        for (signal, family, _), group in parts.items():
            section.multiples += self._multiples(group, prefix="" if len(parts) == 1 else f"{title_of(signal)}: ")
            section.multiples_title = section.multiples_title or f"{title_of(signal)}, {_FAMILIES[family]}"
            notes.append(self._too_many(group))
        section.multiples_title = _capital(section.multiples_title)
        section.note = " ".join(note for note in notes if note)
        return section

    def _quality(self) -> Section:
        section = Section(
            "quality",
            TIERS["quality"],
            "Share of bad values of each feature above its reference; grey where it is unknown.",
        )
        keys = [k for k in self._left if k.tier == "quality" and unit_of(k.signal, self._task) == "share"]
        keys = [k for k in keys if not k.signal.startswith("label_")]
        found = [self._left.pop(key) for key in keys]
        speaking = [s for s in found if s.alarms or s.unknown or (s.high or 0) - (s.reference or 0) >= 0.001]
        speaking.sort(key=lambda s: (not s.alarms, -((s.high or 0) - (s.reference or 0)), s.key))
        for series in speaking[:ROWS]:
            name = title_of(series.key.signal)
            label = f"{clean(series.key.part)}: {name}" if series.key.part else name
            worst = "never known" if series.high is None else f"{number(100 * series.high)} % at worst"
            section.rows.append(Row(label, strip(label, series, self._axis), worst, bool(series.alarms)))
        quiet = len(found) - len(speaking)
        if quiet:
            section.note = (
                f"{plural(quiet, 'other check') if speaking else plural(quiet, 'check')} found nothing in any pane."
            )
        if len(speaking) > ROWS:
            section.note += f" {plural(len(speaking) - ROWS, 'more row')} in panes.jsonl."
        return section

    def _chart(self, title: str, lines: list[Line], detail: str = "extremes") -> Chart:
        panes = max(len(line.series.buckets) for line in lines)
        marks = [mark for line in lines for mark in self._marks_of(line.series.key)]
        return line_chart(
            _capital(title),
            lines,
            self._axis,
            unit_of(lines[0].series.key.signal, self._task),
            detail="means" if detail == "means" else "panes" if len(lines) == 1 and panes >= 20 else "extremes",
            reach=_reach(panes) if detail == "means" or len(lines) == 1 else 0,
            marks=marks,
            note=f"mean of {2 * _reach(panes) + 1} panes" if detail == "means" and _reach(panes) else "",
        )

    def _multiples(self, group: Iterable[Series], prefix: str = "") -> list[Chart]:
        shown = sorted(group, key=lambda s: (not s.alarms, -(s.mean or 0.0), s.key))[:MULTIPLES]
        means = [value for s in shown for value in moving_mean(s.in_order(SMALL), _small_reach(s)).values()]
        top = max(means, default=0.0)
        return [
            line_chart(
                prefix + clean(series.key.part),
                [Line(series, title_of(series.key.signal))],
                self._axis,
                unit_of(series.key.signal, self._task),
                size="small",
                detail="means",
                reach=_small_reach(series),
                marks=self._marks_of(series.key),
                top=top,
                least=top,
            )
            for series in shown
        ]

    def _too_many(self, group: list[Series]) -> str:
        more = len(group) - MULTIPLES
        return f"{more:,} more in panes.jsonl; shown are those that fired, then the largest." if more > 0 else ""

    def _marks_of(self, key: Key, *, everywhere: bool = False) -> list[Mark]:
        """Return where the alerts of a series began and were told; `everywhere` takes those of its segments as well."""
        marks = []
        for alert in self._alerts:
            same = alert.signal == key.signal and alert.pane.family == key.family
            exact = (alert.feature or "", alert.segment or "") == (key.feature, key.segment)
            if not same or not (exact or everywhere):
                continue
            marks.append(Mark(alert.severity, to_micros(alert.time), f"{alert.severity}: {sentence(alert.summary)}"))
            if alert.severity != "recovered" and exact and not any(mark.kind == "since" for mark in marks):
                marks.append(Mark("since", to_micros(alert.since), "change"))
        return marks


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small_reach(series: Series) -> int:
    return 2 if len(series.buckets) >= 30 else 0


def _reach(panes: int) -> int:
    return 0 if panes < 20 else 3 if panes < 400 else 5
