"""The pieces that the report's SVG charts are made of: lines with holes, dots, areas. All of it numbers.

A chart is 1000 wide and 100 high and stretched to its place; strokes are not, so circles are lines without length.
"""

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup, escape

from schemas.event_time import Micros
from streams.report_axes import TimeAxis, ValueAxis
from streams.report_series import Bucket
from streams.report_text import clean


def svg(title: str, parts: Iterable[str]) -> Markup:
    """Return a whole SVG."""
    inner = "".join(parts)
    return Markup(
        '<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" focusable="false">'
        f"<title>{escape(clean(title))}</title>{inner}</svg>"
    )


def middle(bucket: Bucket) -> Micros:
    """Return the middle of a bucket."""
    return (bucket.start + bucket.end) // 2


def _runs(
    buckets: Sequence[Bucket], axis: TimeAxis, value: Callable[[Bucket], float | None], holes: int = 400
) -> Iterable[list[tuple[Bucket, float]]]:
    """Yield stretches without a hole: a line never crosses what nobody knows."""
    run: list[tuple[Bucket, float]] = []
    for bucket in buckets:
        here = value(bucket)
        if run and (here is None or (bucket.start - run[-1][0].end) * holes > axis.end - axis.start):
            yield run
            run = []
        if here is not None:
            run.append((bucket, here))
    if run:
        yield run


def path(
    css: str,
    buckets: Sequence[Bucket],
    axis: TimeAxis,
    scale: ValueAxis,
    value: Callable[[Bucket], float | None],
    holes: int = 400,
) -> str:
    """Return a line over the buckets that have a value; one alone becomes a dot.

    Where no pane says anything for more than one `holes`-th of the axis, the line is broken.
    """
    drawn, alone = [], []
    for run in _runs(buckets, axis, value, holes):
        points = [(axis.x(middle(bucket)), scale.y(here)) for bucket, here in run]
        if len(points) == 1:
            alone.append(points[0])
        else:
            drawn.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points))
    line = f'<path class="line {css}" d="{"".join(drawn)}"/>' if drawn else ""
    return line + dots(css, alone)


def dots(css: str, points: Sequence[tuple[float, float]]) -> str:
    """Return round dots: lines of no length with round ends, since circles would be stretched."""
    if not points:
        return ""
    return f'<path class="dot {css}" d="{"".join(f"M{x:g} {y:g}h0" for x, y in points)}"/>'


def band(css: str, buckets: Sequence[Bucket], axis: TimeAxis, scale: ValueAxis) -> str:
    """Return the area between smallest and largest pane where a bucket holds several panes."""
    areas = []
    for run in _runs(buckets, axis, lambda b: b.mean if b.panes > 1 else None):
        upper = [(axis.x(middle(b)), scale.y(b.high or 0.0)) for b, _ in run]
        lower = [(axis.x(middle(b)), scale.y(b.low or 0.0)) for b, _ in reversed(run)]
        if len(run) > 1:
            areas.append("M" + "L".join(f"{x:g} {y:g}" for x, y in [*upper, *lower]) + "Z")
    return f'<path class="band {css}" d="{"".join(areas)}"/>' if areas else ""


def fired(buckets: Sequence[Bucket], axis: TimeAxis, scale: ValueAxis, means: dict[Micros, float]) -> str:
    """Return a dot where the detector fired."""
    return dots(
        "fired",
        [(axis.x(middle(b)), scale.y(means[b.start])) for b in buckets if b.alarms and b.start in means],
    )


def changed(when: Micros, axis: TimeAxis) -> str:
    """Return a line where something changed, and a tint over what came after."""
    x = axis.x(when)
    area = f'<rect class="changed" x="{x}" y="0" width="{round(1000 - x, 1)}" height="100"/>'
    return f'{area}<path class="since" d="M{x} 0V100"/>'


def unknown(buckets: Sequence[Bucket], axis: TimeAxis) -> str:
    """Return grey where a series is unknown throughout a bucket."""
    stretches: list[list[float]] = []
    for bucket in buckets:
        if bucket.mean is not None or not bucket.unknown:
            continue
        left, right = axis.x(bucket.start), axis.x(bucket.end)
        if stretches and left - stretches[-1][1] < 0.2:
            stretches[-1][1] = right
        else:
            stretches.append([left, right])
    return "".join(
        f'<rect class="unknown" x="{left}" y="0" width="{round(right - left, 1)}" height="100"/>'
        for left, right in stretches
    )
