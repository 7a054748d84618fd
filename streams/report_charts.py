"""Charts of the report: lines over event time, evidence, and strips of coloured cells.

An inline SVG each, with all text beside it as HTML, so that it can be read on a phone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

from detectors.incidents import ESTIMATED
from detectors.units import Unit
from schemas.event_time import Micros
from streams.report_axes import FLOOR, Tick, TimeAxis, ValueAxis, evidence_axis, value_axis
from streams.report_series import LIMIT, Bucket, Series
from streams.report_svg import band, changed, dots, fired, middle, path, svg, unknown
from streams.report_text import clean, moment, plural, ratio_text, value_text

SMALL = 120  # buckets in a small chart
LEAST: dict[Unit, float] = {"share": 0.01, "number": 1e-6, "ms": 0.1, "seconds": 1.0, "count": 1.0}
"""Height of an axis on which everything is zero."""

Kind = Literal["alarm", "notice", "recovered", "trigger", "since"]


@dataclass(frozen=True)
class Mark:
    """Something that happened at a moment."""

    kind: Kind
    when: Micros
    text: str


@dataclass(frozen=True)
class Line:
    """A series in a chart; `style` 0 to 3 picks colour and dashes."""

    series: Series
    label: str
    style: int = 0


@dataclass(frozen=True)
class Chart:
    """What the template needs to draw one chart."""

    title: str
    description: str
    svg: Markup
    size: Literal["large", "medium", "small", "evidence"]
    x_ticks: list[Tick] = field(default_factory=list)
    y_ticks: list[Tick] = field(default_factory=list)
    marks: list[tuple[Kind, float, str]] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)
    tips: str = ""
    note: str = ""
    fired: Literal["", "alarm", "notice"] = ""
    """Gravest alert, where a detector fired."""
    changed: bool = False


def line_chart(
    title: str,
    lines: Sequence[Line],
    axis: TimeAxis,
    unit: Unit,
    *,
    size: Literal["large", "medium", "small"] = "medium",
    detail: Literal["panes", "extremes", "means"] = "extremes",
    reach: int = 0,
    marks: Sequence[Mark] = (),
    least: float = 0.0,
    top: float | None = None,
    note: str = "",
) -> Chart:
    """Return a chart of values over event time.

    Parameters
    ----------
    detail
        What stands behind the line: each pane, the area between smallest and largest pane, or nothing.
    reach
        The line is a mean over so many buckets to both sides, weighted by rows.
    least, top
        Smallest height of the value axis, and a value that it holds in any case, so that several charts share it.
    """
    drawn = [(line, line.series.in_order(SMALL if size == "small" else LIMIT)) for line in lines]
    means = [moving_mean(buckets, reach) for _, buckets in drawn]
    levels = sorted({(name, value) for line in lines for name, value in _levels(line.series)})
    values = [value for each in means for value in each.values()] + [value for _, value in levels]
    if detail != "means":
        values += [v for _, buckets in drawn for b in buckets for v in (b.low, b.high, b.guess) if v is not None]
    scale = value_axis(values if top is None else [*values, top], max(least, LEAST[unit]))
    parts = [unknown(drawn[0][1], axis), *(changed(mark.when, axis) for mark in marks if mark.kind == "since")]
    parts += [f'<path class="level {name}" d="M0 {scale.y(value)}H1000"/>' for name, value in levels]
    legend = []
    for (line, buckets), mean in zip(drawn, means, strict=True):
        style = f"s{line.style}"
        if detail == "panes":
            parts.append(path(f"{style} pane", buckets, axis, scale, lambda b: b.mean))
            legend.append((f"{style} pane", f"{line.label}, each pane"))
        elif detail == "extremes":
            parts.append(band(style, buckets, axis, scale))
        parts.append(path(style, buckets, axis, scale, _value(mean), 40 if line.series.key.segment else 400))
        parts.append(path("guess", buckets, axis, scale, lambda b: b.guess))
        parts.append(fired(buckets, axis, scale, mean))
        legend.append((style, _mean_label(reach, buckets) if detail == "panes" else line.label))
    legend += dict.fromkeys((f"level {name}", f"{name} {value_text(value, unit)}") for name, value in levels)
    if any(bucket.unknown for _, buckets in drawn for bucket in buckets):
        legend.append(("unknown", "unknown"))
    return Chart(
        title=title,
        description=_describe(lines, unit),
        svg=svg(title, parts),
        size=size,
        x_ticks=axis.ticks() if size != "small" else [],
        y_ticks=_y_ticks(scale, unit, 2 if size == "small" else 4),
        marks=[(mark.kind, axis.percent(mark.when), mark.text) for mark in marks if mark.kind != "since"],
        legend=legend,
        tips=_tips(drawn, axis, unit),
        note=note,
        fired=_gravest(lines, marks),
        changed=any(mark.kind == "since" for mark in marks),
    )


def evidence_chart(title: str, lines: Sequence[Line], axis: TimeAxis) -> Chart:
    """Return a chart of the weighted wealth of e-detectors on a logarithmic axis; they fire at 1."""
    drawn = [(line, line.series.in_order()) for line in lines]
    scale = evidence_axis(max((line.series.evidence or 0.0 for line in lines), default=0.0))
    fires = scale.y(1.0)
    parts = [
        unknown(drawn[0][1], axis),
        f'<rect class="fires" x="0" y="0" width="1000" height="{fires}"/>',
        f'<path class="level fires" d="M0 {fires}H1000"/>',
    ]
    for line, buckets in reversed(drawn):
        holes = 40 if line.series.key.segment else 400  # a segment without rows in a pane is no hole in knowledge
        parts.append(path(f"s{line.style}", buckets, axis, scale, lambda b: b.evidence, holes))
        over = [b for b in buckets if b.evidence is not None and b.evidence >= 1]
        parts.append(dots("fired", [(axis.x(middle(b)), scale.y(b.evidence or 0.0)) for b in over]))
    peak = max((line.series.evidence or 0.0 for line in lines), default=0.0)
    labels = {f"s{line.style}": line.label for line, _ in drawn}
    return Chart(
        title=title,
        description=f"Largest evidence {ratio_text(peak)}; a detector fires at 1.",
        svg=svg(title, parts),
        size="evidence",
        x_ticks=axis.ticks(),
        y_ticks=[
            Tick(100 - scale.y(value), ("≤ " if value == FLOOR else "") + f"{value:,.10g}") for value in scale.values()
        ],
        legend=[("level fires", "fires at 1"), *labels.items()],
        fired="alarm" if any(line.series.alarms for line in lines) else "",
        tips=_evidence_tips(drawn, axis),
    )


def strip(title: str, series: Series, axis: TimeAxis) -> Markup:
    """Return a row of cells, darker the further a share lies above its reference; grey where it is unknown."""
    cells: list[list[float | str]] = []
    fired = []
    for bucket in series.in_order(SMALL):
        left, right = axis.x(bucket.start), axis.x(bucket.end)
        shade = _shade(bucket, series.reference)
        if bucket.alarms:
            fired.append((left + right) / 2)
        if cells and cells[-1][2] == shade and abs(float(cells[-1][1]) - left) < 0.2:
            cells[-1][1] = right
        else:
            cells.append([left, right, shade])
    parts = [
        f'<rect class="{shade}" x="{left}" y="0" width="{round(float(right) - float(left), 1)}" height="100"/>'
        for left, right, shade in cells
    ]
    parts.append(dots("fired", [(round(x, 1), 50.0) for x in fired]))
    return svg(title, parts)


SHADES = ((0.001, "h0"), (0.01, "h1"), (0.05, "h2"), (0.2, "h3"), (0.5, "h4"), (2.0, "h5"))
"""Cell colours by how far the share lies above the reference, each up to the bound."""


def _shade(bucket: Bucket, reference: float | None) -> str:
    if bucket.high is None:
        return "hu"
    above = bucket.high - (reference or 0.0)
    return next((name for bound, name in SHADES if above < bound), "h5")


def _levels(series: Series) -> list[tuple[str, float]]:
    if series.moving:
        return []
    levels = [("reference", series.reference), ("baseline", series.baseline)]
    return [(name, value) for name, value in levels if value is not None]


def _gravest(lines: Sequence[Line], marks: Sequence[Mark]) -> Literal["", "alarm", "notice"]:
    """Return the gravest alert of what fired; of what joined another's without one, what it may raise by its kind."""
    fired = [line.series for line in lines if line.series.alarms]
    kinds = {mark.kind for mark in marks} & {"alarm", "notice"}
    if not fired or "alarm" in kinds:
        return "alarm" if fired else ""
    return "notice" if kinds or all(_notices(series) for series in fired) else "alarm"


def _notices(series: Series) -> bool:
    key = series.key
    early = key.tier == "performance" and (key.family == "label" or key.signal.startswith(ESTIMATED))
    return early or key.tier in ("drift", "proxies")


def _value(means: dict[Micros, float]) -> Callable[[Bucket], float | None]:
    return lambda bucket: means.get(bucket.start)


def _mean_label(reach: int, buckets: Sequence[Bucket]) -> str:
    if not reach:
        return "mean"
    return f"mean of {2 * reach + 1} panes" if all(b.panes == 1 for b in buckets) else "moving mean"


def moving_mean(buckets: Sequence[Bucket], reach: int) -> dict[Micros, float]:
    """Return the mean around each bucket that is known, by its start, weighted by rows."""
    means = {}
    for place, bucket in enumerate(buckets):
        if bucket.mean is None:
            continue
        near = buckets[max(place - reach, 0) : place + reach + 1]
        means[bucket.start] = sum(b.total for b in near) / sum(b.weight for b in near)
    return means


def _y_ticks(scale: ValueAxis, unit: Unit, count: int) -> list[Tick]:
    size = 1.0
    if unit == "seconds":  # round in the unit that is written
        size = next((float(size) for size in (86_400, 3_600, 60) if scale.high >= 2 * size), 1.0)
    values = [value * size for value in ValueAxis(scale.low / size, scale.high / size).values(count)]
    return [Tick(round(100 - scale.y(value), 2), value_text(value, unit)) for value in values]


def _describe(lines: Sequence[Line], unit: Unit) -> str:
    parts = []
    for line in lines:
        series = line.series
        known = series.panes - series.unknown
        text = f"{line.label}: mean {value_text(series.mean, unit)}, latest {value_text(series.latest, unit)}"
        text += f", {known:,} of {series.panes:,} panes known"
        fired = f", fired {plural(series.alarms, 'time')}" if series.alarms else ""
        parts.append(text + fired)
    return "; ".join(parts) + "."


def _tips(drawn: Sequence[tuple[Line, list[Bucket]]], axis: TimeAxis, unit: Unit) -> str:
    """Return what is said at each place, a line each: `place|text`."""
    texts: dict[Micros, list[str]] = {}
    for line, buckets in drawn:
        for bucket in buckets:
            name = f"{line.label} " if len(drawn) > 1 else ""
            if bucket.mean is not None:
                said = f"{name}{value_text(bucket.mean, unit)}"
            elif bucket.unknown:
                said = f"{name}unknown: {bucket.reason}" if bucket.reason else f"{name}unknown"
            else:
                continue
            texts.setdefault(middle(bucket), [f"{moment(bucket.start)} · n {bucket.n:,}"]).append(said)
    return "\n".join(f"{axis.x(when):g}|{clean(' · '.join(said))}" for when, said in sorted(texts.items()))


def _evidence_tips(drawn: Sequence[tuple[Line, list[Bucket]]], axis: TimeAxis) -> str:
    texts: dict[Micros, tuple[float, str]] = {}
    for line, buckets in drawn:
        for bucket in buckets:
            here = bucket.evidence
            if here is not None and here > texts.get(middle(bucket), (-1.0, ""))[0]:
                texts[middle(bucket)] = (here, f"{moment(bucket.start)} · {line.label} {ratio_text(here)}")
    return "\n".join(f"{axis.x(when):g}|{clean(text)}" for when, (_, text) in sorted(texts.items()))
