"""Streams as arrays: tables that are not bundled, and what River's generators make for development."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from river.datasets import synth

from bench.decisions.protocol import GENERATED_ROWS, GENERATOR_SEED
from bench.tables import path_of, table

Floats = npt.NDArray[np.float64]
Example = tuple[dict[str, float], int | bool]


class Rows(NamedTuple):
    """A stream, in its order."""

    features: Floats
    """Shape (rows, features)."""
    classes: npt.NDArray[np.int64]
    """Shape (rows,)."""


def rows(name: str) -> Rows:
    """Return a stream by its name.

    Raises
    ------
    MissingTables
        When it is a table, and not there.
    """
    if name in GENERATED:
        return _of_examples(islice(GENERATED[name](), GENERATED_ROWS))
    found = table(name)
    columns = [pc.cast(found[column], pa.float64()).to_numpy() for column in found.column_names if column != "class"]
    return Rows(np.column_stack(columns), np.unique(found["class"].to_numpy(), return_inverse=True)[1])


def there(name: str) -> bool:
    """Whether a stream can be had."""
    return name in GENERATED or path_of(name).exists()


def _of_examples(examples: Iterable[Example]) -> Rows:
    features, classes = zip(*((list(x.values()), y) for x, y in examples), strict=True)
    return Rows(np.array(features, dtype=np.float64), np.unique(np.array(classes), return_inverse=True)[1])


def _agrawal() -> Iterator[Example]:
    for part, function in enumerate((0, 3, 6, 0)):
        stream = synth.Agrawal(classification_function=function, seed=GENERATOR_SEED + part, perturbation=0.05)
        yield from stream.take(GENERATED_ROWS // 4)


def _hyperplane() -> Iterator[Example]:
    stream = synth.Hyperplane(
        seed=GENERATOR_SEED, n_features=6, n_drift_features=3, mag_change=0.001, noise_percentage=0.1
    )
    return iter(stream)


def _rbf() -> Iterator[Example]:
    stream = synth.RandomRBFDrift(
        seed_model=GENERATOR_SEED,
        seed_sample=GENERATOR_SEED,
        n_classes=2,
        n_features=4,
        n_centroids=20,
        change_speed=0.0002,
        n_drift_centroids=20,
    )
    return iter(stream)


def _noise() -> Iterator[Example]:
    rng = np.random.default_rng(GENERATOR_SEED)
    for x in rng.random((GENERATED_ROWS, 3)).tolist():
        yield dict(zip("xyz", x, strict=True)), (x[0] + x[1] > 1) != (rng.random() < 0.2)


GENERATED: dict[str, Callable[[], Iterator[Example]]] = {
    "agrawal": _agrawal,
    "hyperplane": _hyperplane,
    "rbf": _rbf,
    "noise": _noise,
}
