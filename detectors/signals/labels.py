"""What comes with the labels: how late they are, and how many of a cohort there are when it is judged."""

from collections.abc import Iterable

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
        """Return the coverage; below the floor, performance is unknown."""
        n = pane.n
        labelled = int(pane.view("losses").sum())
        share = labelled / n if n else None
        floor = pane.layout.spec.label_coverage
        reason = pane.problem
        if pane.layout.loss_scale is None:
            share, reason = None, f"losses are not counted: no reference profile for version {pane.layout.version}"
        elif share is None or share < floor:
            reason = reason or f"{labelled} of {n} rows are labelled; label_coverage asks for {floor:g}"
        yield Finding(
            Reading(
                signal="label_coverage",
                tier="quality",
                value=share,
                n=n,
                status="ok" if reason is None else "unknown",
                reason=reason,
                baseline=floor,
            )
        )
