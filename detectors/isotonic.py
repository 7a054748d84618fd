"""Isotonic regression without scipy.optimize, which takes 23 MB: for what a running monitor calibrates by itself."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def isotonic(values: Floats, weights: Floats) -> Floats:
    """Return the rising sequence that is nearest to `values` by weighted least squares, shape (values,).

    Pool adjacent violators, as `scipy.optimize.isotonic_regression` does it: Barlow, Bartholomew, Bremner and Brunk,
    "Statistical Inference under Order Restrictions", 1972.

    Examples
    --------
    >>> isotonic(np.array([0.1, 0.4, 0.2, 0.9]), np.array([1.0, 1.0, 3.0, 1.0])).tolist()
    [0.1, 0.25, 0.25, 0.9]
    """
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        total, mass, size = value * weight, weight, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / mass:
            before = blocks.pop()
            total, mass, size = before[0] + total, before[1] + mass, before[2] + size
        blocks.append((total, mass, size))
    means, sizes = [total / mass for total, mass, _ in blocks], [size for *_, size in blocks]
    return np.repeat(np.array(means, dtype=np.float64), sizes)
