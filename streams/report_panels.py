"""Which charts a model version gets, and in what order: signals known by name first, all others by their tier.

What fired is drawn large, all else small and side by side: a page over many signals stays one that people read. A
signal that nobody entered here is drawn like any other; nothing has to change for it to be seen.
"""

import re
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from detectors.units import unit_of
from schemas.alert import Alert
from schemas.event_time import to_micros
from schemas.reading import Family, Tier
from schemas.spec import Task
from streams.report_axes import TimeAxis
from streams.report_charts import SMALL, Chart, Line, Mark, evidence_chart, line_chart, moving_mean, strip
from streams.report_data import Version
from streams.report_series import Key, Series
from streams.report_text import clean, number, plural, sentence, title_of
from streams.report_unknown import judged_losses

MULTIPLES = 24  # small charts side by side; more are in the table and in panes.jsonl
NOTED = 0.001  # of values or checks: less is nothing to look at
ROWS = 40  # of the quality strip
FEW = 2  # charts of a section that are drawn large though nothing fired
OTHERS = 5  # segments that did not fire, drawn beside those that did

TIERS: dict[Tier, str] = {
    "outcomes": "Outcomes and feedback",
    "performance": "Performance",
    "proxies": "Proxies",
    "drift": "Drift",
    "quality": "Data quality",
    "system": "System",
}
_FAMILIES: dict[Family, str] = {
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
_NUMBERS = "quality_"  # what the names of the numbers of data quality begin with
_QUANTILE = re.compile(r"^(.+)_p(\d{1,3})$")


@dataclass(frozen=True)
class Row:
    """One line of the quality strip."""

    label: str
    svg: Markup
    note: str
    alarmed: bool


@dataclass(frozen=True)
class Group:
    """Small charts side by side."""

    title: str
    charts: list[Chart]
    note: str = ""


@dataclass
class Section:
    """Charts under one heading."""

    anchor: str
    title: str
    intro: str = ""
    charts: list[Chart] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    note: str = ""
    aside: bool = False
    """Nobody has to look at it unless something in it fired."""

    def __bool__(self) -> bool:
        return bool(self.charts or self.groups or self.rows or self.note)

    @property
    def folded(self) -> bool:
        """Whether it is shown closed."""
        charts = [*self.charts, *(chart for group in self.groups for chart in group.charts)]
        return self.aside and not any(chart.fired for chart in charts)


class Panels:
    """Sorts the series of one model version into sections."""

    def __init__(self, version: Version, task: Task | None, axis: TimeAxis, alerts: list[Alert], marks: list[Mark]):
        self._version, self._task, self._axis, self._alerts, self._marks = version, task, axis, alerts, marks
        self._left = dict(sorted(version.series.items()))

    def sections(self) -> list[Section]:
        """Return all sections that have something in them, the most telling first."""
        main, labels, quality = self._main(), self._labels(), self._quality()
        rest = [self._rest("outcomes", TIERS["outcomes"]), self._rest("proxies", TIERS["proxies"])]
        drift = self._rest("drift", TIERS["drift"])
        drift.intro = (
            "How far distributions lie from the reference's and from those of the recent past; a dot where a detector "
            "fired."
        )
        more = self._rest("performance", "More on performance", aside=True)
        system = self._rest("system", TIERS["system"], aside=True)
        others = self._rest("quality", "More on data quality", aside=True)
        return [section for section in (main, *rest, drift, quality, others, more, labels, system) if section]

    @property
    def main(self) -> list[Series]:
        """The judged losses over all rows: what alarms and triggers rest on."""
        return judged_losses(self._version)

    def _main(self) -> Section:
        section = Section("performance", TIERS["performance"])
        for series in self.main:
            self._left.pop(series.key, None)
            parts = [self._left.pop(key) for key in list(self._left) if key.part and key[:3] == series.key[:3]]
            section.charts += self._judged(series, parts)
            if parts:
                section.groups.append(self._alike(f"{title_of(series.key.signal)} by segment, on one scale", parts))
        for heading in ("Estimated and realised accuracy", "Champion and challenger"):
            members = [key for key in self._left if not key.part and _TOGETHER.get(key.signal, ("",))[0] == heading]
            found = [self._left.pop(key) for key in members]
            lines = [Line(s, _TOGETHER[s.key.signal][2], _TOGETHER[s.key.signal][1]) for s in found]
            if lines:
                section.charts.append(self._chart(heading, lines, detail="means"))
        return section

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
        intro = "How many come, and how late. Without labels performance is unknown."
        section = Section("labels", "Labels", intro, aside=True)
        return self._generic(section, [key for key in self._left if key.signal.startswith("label_")])

    def _rest(self, tier: Tier, title: str, *, aside: bool = False) -> Section:
        keys = [key for key in self._left if key.tier == tier]
        return self._generic(Section(f"{tier}-{len(title)}", title, aside=aside), keys)

    def _generic(self, section: Section, keys: list[Key]) -> Section:
        """Draw what fired large, quantiles of a signal together, all else small: by family, and parts by signal."""
        together: dict[tuple[str, ...], list[Series]] = {}
        parts: dict[tuple[str, Family, str], list[Series]] = {}
        for key in keys:
            series = self._left.pop(key)
            stem = _QUANTILE.match(key.signal)
            if key.part:
                parts.setdefault((key.signal, key.family, key.detector), []).append(series)
            else:
                name = stem[1] if stem else key.signal
                together.setdefault((name, key.family, key.detector, "quantile" if stem else ""), []).append(series)
        small: dict[Family, list[Chart]] = {}
        for (name, _, _, quantile), group in together.items():
            family = group[0].key.family
            title = f"{title_of(name)}, quantiles" if quantile else title_of(name)
            if not quantile and not group[0].alarms and len(together) > FEW:
                small.setdefault(family, []).append(self._small(group[0], _capital(title)))
                continue
            labels = [f"{s.key.signal.rsplit('_p', 1)[1]} %" if quantile else title_of(name) for s in group]
            lines = [Line(each, label, min(i, 3)) for i, (each, label) in enumerate(zip(group, labels, strict=True))]
            section.charts.append(self._chart(f"{title}, {_FAMILIES[family]}", lines))
        for (signal, family, _), group in parts.items():
            if len(group) > 1:
                section.groups.append(self._alike(f"{title_of(signal)}, {_FAMILIES[family]}", group))
            else:
                title = _capital(f"{title_of(signal)}: {clean(group[0].key.part)}")
                small.setdefault(family, []).append(self._small(group[0], title))
        section.groups[:0] = [
            Group(_capital(_FAMILIES[family]), small[family]) for family in _FAMILIES if family in small
        ]
        return section

    def _quality(self) -> Section:
        section = Section("quality", TIERS["quality"])
        numbers = [self._left.pop(key) for key in list(self._left) if key.signal.startswith(_NUMBERS) and not key.part]
        if numbers:
            section.groups.append(self._passed(numbers))
        keys = [k for k in self._left if k.tier == "quality" and unit_of(k.signal, self._task) == "share"]
        found = [self._left.pop(key) for key in keys]
        speaking = [s for s in found if s.alarms or s.unknown or (s.high or 0) - (s.reference or 0) >= NOTED]
        speaking.sort(key=lambda s: (not s.alarms, -((s.high or 0) - (s.reference or 0)), s.key))
        for series in speaking[:ROWS]:
            name = title_of(series.key.signal)
            label = f"{clean(series.key.part)}: {name}" if series.key.part else name
            worst = "never known" if series.high is None else f"{number(100 * series.high)} % at worst"
            section.rows.append(Row(label, strip(label, series, self._axis), worst, bool(series.alarms)))
        if section.rows:
            section.intro = "Share of bad values of each feature above its reference; grey where it is unknown."
        quiet = len(found) - len(speaking)
        if quiet:
            section.note = (
                f"{plural(quiet, 'other check') if speaking else plural(quiet, 'check')} found nothing in any pane."
            )
        if len(speaking) > ROWS:
            section.note += f" {plural(len(speaking) - ROWS, 'more row')} in panes.jsonl."
        return section

    def _passed(self, numbers: list[Series]) -> Group:
        """Return the numbers of data quality, those that were never seen below 99.9 % in words."""
        well = [s for s in numbers if not s.unknown and s.low is not None and s.low >= 1 - NOTED]
        charts = [self._small(s, _capital(title_of(s.key.signal))) for s in numbers if s not in well]
        names = ", ".join(s.key.signal.removeprefix(_NUMBERS) for s in well)
        note = f"Never below {100 * (1 - NOTED):g} %: {names}." if well else ""
        return Group("In numbers, each the share of checks that were passed", charts, note)

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

    def _small(self, series: Series, title: str, top: float | None = None) -> Chart:
        """Return a small chart; those with the same `top` have one scale."""
        return line_chart(
            title,
            [Line(series, title_of(series.key.signal))],
            self._axis,
            unit_of(series.key.signal, self._task),
            size="small",
            detail="means",
            reach=_small_reach(series),
            marks=self._marks_of(series.key),
            top=top,
            least=top or 0.0,
        )

    def _alike(self, title: str, group: list[Series]) -> Group:
        """Return the features or segments of one signal, on one scale: those that fired, then the largest."""
        shown = sorted(group, key=lambda s: (not s.alarms, -(s.mean or 0.0), s.key))[:MULTIPLES]
        means = [value for s in shown for value in moving_mean(s.in_order(SMALL), _small_reach(s)).values()]
        top, more = max(means, default=0.0), len(group) - MULTIPLES
        note = f"{more:,} more in panes.jsonl; shown are those that fired, then the largest." if more > 0 else ""
        return Group(_capital(title), [self._small(series, clean(series.key.part), top) for series in shown], note)

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
