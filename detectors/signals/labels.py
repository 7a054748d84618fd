"""What comes with the labels: how late they are, and how many of a cohort there are when it is judged."""

from collections.abc import Iterable

from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.signals.signal import Finding
from detectors.sketch import quantile
from detectors.state import register
from schemas.reading import Family, Reading, Status


@register
class LabelDelay:
    """Quantiles of how long labels took, in seconds."""

    families: frozenset[Family] = frozenset({"label"})

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the delays of the labels that became known in the pane."""
        buckets = pane.view("delay")
        n = int(buckets.sum())
        status: Status = "ok" if pane.problem is None else "unknown"
        for q in (50, 95):
            value = quantile(buckets, q / 100)
            signal = f"label_delay_p{q}"
            yield Finding(Reading(signal=signal, tier="system", value=value, n=n, status=status, reason=pane.problem))


@register
class Coverage:
    """Share of a cohort that is labelled when it is judged."""

    families: frozenset[Family] = frozenset({"cohort"})

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the coverage by labels that estimates rest on; below the floor, performance is unknown.

        Answers to what strategies and rules asked for do not raise it: they say nothing of the rows beside them, and
        so make a few complaints that come by themselves no more telling than these are alone.
        """
        n = pane.n
        labelled = int(pane.view("losses").sum())
        share = labelled / n if n else None
        reason = pane.problem
        if pane.layout.loss_scale is None:
            share, reason = None, f"losses are not counted: no reference profile for version {pane.layout.version}"
        else:
            reason = reason or too_few_labels(pane.layout, labelled, n)
        left_out = f"without {pane.left_out:,} labelled rows that curation chose" if pane.left_out else None
        yield Finding(
            Reading(
                signal="label_coverage",
                tier="quality",
                value=share,
                detail=left_out,
                n=n,
                status="ok" if reason is None else "unknown",
                reason=reason,
                baseline=pane.layout.spec.label_coverage,
            )
        )


def too_few_labels(layout: Layout, labelled: float, rows: float) -> str | None:
    """Return why so few of some rows are labelled that they may not speak for all, or None."""
    floor = layout.spec.label_coverage
    if labelled and labelled >= floor * rows:
        return None
    return f"label coverage: {labelled:.0f} of {rows:.0f} rows; label_coverage asks for {floor:g}"
