"""Coverage: too few labels came to judge a cohort, so those of a uniform sample of its rows are asked for."""

from collections.abc import Callable

from detectors.curation.draw import Wanted
from detectors.curation.known import by_hash
from detectors.pane import ClosedPane
from detectors.sampled_row import SampledRow


def coverage(
    pane: ClosedPane, asked: Callable[[SampledRow], bool], may_ask: Callable[[SampledRow], bool]
) -> list[Wanted]:
    """Return the rows of a cohort whose labels are asked for: of those without one, the ones with the smallest hashes.

    Parameters
    ----------
    asked
        Says of a row whether its label was asked for before.
    may_ask
        Says of a row whether it was not, and an answer could still come in time.
    """
    spec, labelled = pane.layout.spec, int(pane.view("losses").sum()) + pane.left_out
    if pane.n == 0 or labelled >= spec.label_coverage * pane.n or pane.layout.loss_scale is None:
        return []
    unlabelled = [sampled for sampled in pane.sample if sampled.label is None]
    open_ = [sampled for sampled in unlabelled if may_ask(sampled)]
    chosen = by_hash(open_)[: spec.label_requests.per_pane]
    if not chosen:
        return []
    before = sum(map(asked, unlabelled))
    # of all unlabelled rows that were not asked for before, as many can still be asked for as of those in the sample
    population = (pane.n - labelled - before) * len(open_) / (len(unlabelled) - before)
    probability = min(1.0, len(chosen) / population)
    detail = f"{labelled:,} of the {pane.n:,} rows of its pane have a label; {spec.label_coverage:.0%} are needed"
    return [Wanted(sampled, "coverage", detail, probability=probability) for sampled in chosen]
