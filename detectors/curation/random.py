"""The random draw: some rows of a pane, each as likely as the others, so that estimates can be weighted back."""

from typing import NamedTuple

from detectors.curation.known import RowKey, by_hash, key_of
from detectors.pane import ClosedPane


class Draw(NamedTuple):
    """Rows that were drawn."""

    keys: frozenset[RowKey]
    probability: float | None
    """With which each row of the pane is in it; None where the sample is not known to be a fair one."""
    detail: str


def random_draw(pane: ClosedPane, size: int) -> Draw:
    """Return a draw of `size` rows of a traffic pane, fewer where its sample is smaller.

    Notes
    -----
    The sample of a pane is its k rows with the smallest hashes, and the draw those of the sample with the r smallest:
    together the r smallest of all n rows. So each row is drawn with probability r / n exactly, provided that r is set
    by what a pane holds and not by hashes. Rows that are labelled already stay in the draw, or it would not be so;
    they need no request, and are known for certain.

    References
    ----------
    Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe", JASA 47, 1952.
    """
    drawn = by_hash(pane.sample)[: max(size, 0)]
    whole = pane.problem is None and len(pane.sample) >= min(pane.n, pane.layout.spec.traffic_sample)
    probability = len(drawn) / pane.n if drawn and whole else None
    return Draw(
        frozenset(map(key_of, drawn)),
        None if probability is None else min(1.0, probability),
        f"drawn at random: {len(drawn):,} of the {pane.n:,} rows of its pane",
    )
