"""How much the counts of single panes vary beyond chance, by indicator: what a reference profile says of its panes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from detectors import estimates, indicators
from detectors.binned_values import BinnedValues
from detectors.bounds import MINIMUM_PANES, dispersion_of
from detectors.costs import COST, costed
from detectors.expectations import of_expectation
from detectors.layout import Counts, Layout
from detectors.outcomes import OUTCOMES, of_labels
from detectors.proxy_indicators import REPEATED, most_frequent, proxies_of, proxy_histogram, proxy_mean, proxy_name
from detectors.quality_sections import section_of
from detectors.reference import loss_name, moments, slow_share
from detectors.reliability import groups_of, hits_of
from schemas.proxy_spec import attached
from schemas.reading import Family

Judge = Callable[[str, list[indicators.Indicators], float | None], None]


def dispersions(layout: Layout, panes: Mapping[Family, Sequence[Counts]]) -> tuple[dict[str, float], dict[str, int]]:
    """Return φ of the indicators that e-detectors bet on, where above 1; and their panes, where those are too few.

    Parameters
    ----------
    panes
        Vectors of the panes of each family, in any order: of traffic and of cohorts one at least.
    """
    found: dict[str, float] = {}
    few: dict[str, int] = {}

    def judge(name: str, cells: list[indicators.Indicators], variance: float | None = None) -> None:
        n = np.asarray([cell.n for cell in cells])
        totals = np.array([cell.totals for cell, rows in zip(cells, n, strict=True) if rows > 0])
        n = n[n > 0]
        if len(n) < MINIMUM_PANES:
            few[name] = len(n)
        if not len(n):
            return
        for bet in range(totals.shape[1]):
            share = totals[:, bet].sum() / n.sum()
            phi = dispersion_of(totals[:, bet], n, share * (1 - share) if variance is None else variance)
            if phi > 1:
                found[name if totals.shape[1] == 1 else f"{name}:{bet}"] = phi

    traffic, cohort = panes["traffic"], panes["cohort"]
    for name, feature in layout.spec.features.items():
        for kind in layout.quality_kinds(name):
            judge(
                indicators.quality_name(name, kind),
                [indicators.of_quality(layout, counts, name, kind) for counts in traffic],
            )
        if feature.type in ("numeric", "categorical", "boolean"):
            judge(f"feature:{name}", [indicators.of_feature(layout, counts, name) for counts in traffic])
    for rule in dict.fromkeys(expectation.rule for expectation in layout.spec.expectations):
        judge(section_of(rule), [of_expectation(layout, counts, rule) for counts in traffic])
    judge("prediction", [indicators.of_prediction(layout, counts) for counts in traffic])
    judge("slow", [slow_share(layout, counts) for counts in traffic])
    for proxy in proxies_of(layout):
        sums = [proxy_histogram(layout, counts, proxy) for counts in traffic]
        if count := (moment := moments(*np.sum(sums, axis=0)))[0]:
            variance = max(0.0, moment[2] / count - (moment[1] / count) ** 2)
            judge(proxy_name(proxy), [proxy_mean(layout, counts, proxy) for counts in traffic], variance)
    judge(REPEATED, most_frequent(layout, traffic))
    for name in map(attached, layout.spec.scores):
        judge(f"feature:{name}", [indicators.of_feature(layout, counts, name) for counts in traffic])
    cells = [(None, 0)] + [(s, c) for s in layout.spec.segments for c in range(len(layout.segment_values(s)) + 1)]
    for segment, cell in cells:
        losses = [indicators.of_losses(layout, counts, "cohort", segment, cell) for counts in cohort]
        histograms = [indicators.loss_histogram(layout, counts, "cohort", segment, cell) for counts in cohort]
        bins = np.sum([h[0] for h in histograms], axis=0), np.sum([h[1] for h in histograms], axis=0)
        count, total, squares = moments(*bins)
        if count:
            judge(loss_name(segment, cell), losses, max(0.0, squares / count - (total / count) ** 2))
    for outcome, of in OUTCOMES.items():
        judge(outcome, [of(layout, counts) for counts in panes["label"]])
    if "outcomes" in layout.families["label"].sections:
        judge("label", [of_labels(layout, counts) for counts in panes["label"]])
    for group in groups_of(layout):
        hits = [hits_of(layout, counts, group) for counts in cohort]
        judge(group.name, [indicators.Indicators(np.array([k]), n) for k, n in hits])
    _judge_means(estimates.NAME, [estimates.expected_loss(layout, counts) for counts in traffic], judge)
    priced = [one for one in (costed(layout, counts) for counts in cohort) if one is not None]
    if _judge_means(COST, priced, judge):
        found.setdefault(COST, 1.0)  # there even so: it says that the profile knows of the matrix
    return found, few


def _judge_means(name: str, panes: Sequence[BinnedValues], judge: Judge) -> bool:
    """Judge the mean of real values in [0, 1]; return whether there are any."""
    n, total = sum(pane.n for pane in panes), sum(pane.total for pane in panes)
    if n:
        variance = max(0.0, sum(pane.squares for pane in panes) / n - (total / n) ** 2)
        judge(name, [indicators.Indicators(np.array([pane.total]), pane.n) for pane in panes], variance)
    return n > 0
