"""backtest.html: one self-contained page. Same input, same bytes; no script, no network, all text escaped."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from schemas.event_time import from_micros
from streams.backtest.document import ORACLE
from streams.backtest.recommendation import Recommendation, block
from streams.backtest.result import Result
from streams.backtest.table import in_words, number, tied
from streams.html_page import templates, write_page
from streams.report_axes import Tick, TimeAxis, value_axis
from streams.report_svg import svg

DRAWN = 6  # policies in the chart: more lines are not told apart


class Line(NamedTuple):
    """A policy in the chart."""

    style: str
    name: str


def write_backtest_page(out: Path, result: Result, advice: Recommendation) -> Path:
    """Write `out/backtest.html` and return its path.

    Raises
    ------
    UserError
        When it cannot be written.
    """
    template = templates({"number": number, "tied": tied}).get_template("backtest.html.j2")
    chart, legend, x_ticks, y_ticks = _chart(result, advice)
    text = template.render(
        result=result,
        advice=advice,
        words=in_words(result, advice),
        chart=chart,
        legend=legend,
        x_ticks=x_ticks,
        y_ticks=y_ticks,
        rows=_rows(result, advice),
        oracle=ORACLE,
        start=f"{from_micros(result.start):%Y-%m-%d}",
        end=f"{from_micros(result.end):%Y-%m-%d}",
        trained=[f"{from_micros(result.moments[point + 1] - result.delay):%Y-%m-%d}" for point in result.best.trained],
    )
    return write_page(out / "backtest.html", text)


def _rows(result: Result, advice: Recommendation) -> list[dict[str, Any]]:
    standing = {one.name: one for one in advice.standings}
    return [
        {
            "outcome": one,
            "yaml": block(result.model, one),
            "cheapest": standing[one.name].cheapest if one.name in standing else None,
            "dates": [str(each["time"])[:10] for each in one.triggers],
        }
        for one in result.outcomes
    ]


def _chart(result: Result, advice: Recommendation) -> tuple[Markup, list[Line], list[Tick], list[Tick]]:
    """Return what each policy had cost so far, less what never retraining had: below 0 it had paid."""
    axis = TimeAxis(result.start, result.end)
    never = next(one for one in result.outcomes if one.family == "never").by_stretch
    lines: list[tuple[str, Any]] = [("best in hindsight", result.best.losses + result.best.training)]
    kinds: set[str] = set()
    for one in sorted(result.outcomes, key=lambda one: (one.name != advice.name, one.family != "own", one.total)):
        if one.family not in kinds and one.family != "never" and len(lines) <= DRAWN:
            kinds.add(one.family)
            lines.append((one.name, one.by_stretch))
    sums = [(name, np.concatenate(([0.0], np.cumsum(costs - never)))) for name, costs in lines]
    scale = value_axis([float(value) for _, values in sums for value in values])
    ends = [*result.moments[1:], result.end]
    parts, legend = [f'<path class="level" d="M0 {scale.y(0.0)}H1000"/>'], []
    for place, (name, values) in enumerate(sums):
        points = zip([axis.x(result.start), *map(axis.x, ends)], map(scale.y, values.tolist()), strict=True)
        parts.append(f'<path class="line l{place}" d="M{"L".join(f"{x:g} {y:g}" for x, y in points)}"/>')
        legend.append(Line(f"l{place}", name))
    ticks = [Tick(round(100 - scale.y(value), 2), number(value)) for value in scale.values()]
    return svg("Cost so far, less that of never retraining", parts), legend, axis.ticks(), ticks
