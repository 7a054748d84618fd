"""The change point of an excess cost: which split of its panes is the likeliest. Pure."""

import numpy as np

from detectors.change_interval import Floats, log_likelihood


def change_point(rows: Floats, sums: Floats, bound: float, low: float = 0.0, high: float = 1.0) -> int | None:
    """Return the number of the first pane after the likeliest rise of a mean above its bound; None where none rose.

    Parameters
    ----------
    rows, sums
        By pane, in the order of time: how many values there are, and what they add up to. Shape (panes,).
    bound
        u, mean that was put up with before.
    low, high
        Least and largest value of a row.

    Notes
    -----
    The split k that maximises Λ_k = N_k · kl(m̂_k, u), with N_k and m̂_k rows and mean of all panes from k on, where
    m̂_k > u; values are taken to [0, 1], and kl(m, u) = m ln(m/u) + (1 - m) ln((1 - m)/(1 - u)). This is the log
    likelihood ratio of a mean m̂_k after k against u, of values that are 0 or 1. Of others between `low` and `high`,
    e^-Λ bounds the probability of such a mean all the same (Hoeffding). Dependence within panes divides all Λ_k by φ,
    which leaves the largest one where it is.

    A sum of what is above u tells that something has changed; when it was last 0 tells the start of the last stretch
    above u, which where the mean is about u is much older than the change.

    References
    ----------
    Hinkley, "Inference about the change-point in a sequence of random variables", Biometrika 1970. Siegmund,
    "Confidence sets in change-point problems", International Statistical Review 1988. Hoeffding, "Probability
    inequalities for sums of bounded random variables", JASA 1963.

    Examples
    --------
    Nine or ten errors in 150 rows a day are just above u; from the fifth day on there are thirty.

    >>> change_point(np.full(8, 150.0), np.array([9.0, 10, 9, 10, 30, 28, 31, 30]), bound=0.058)
    4
    """
    n = rows[::-1].cumsum()[::-1]
    if not len(n) or high <= low:
        return None
    above = np.clip((sums[::-1].cumsum()[::-1] - low * n) / (high - low), 0.0, n)
    share = (bound - low) / (high - low)
    known = np.maximum(n, 1e-300)  # panes without a row, at the end, are no split
    gain = log_likelihood(above, known) - log_likelihood(above, known, share)
    gain = np.where((above > share * n) & (n > 0), gain, -np.inf)
    best = int(gain.argmax())
    return best if gain[best] > -np.inf else None
