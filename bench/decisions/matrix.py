"""Error matrices: which row each model errs on that could have been trained, and where they are kept.

All policies look rows up in the same matrix, so that what differs between them is when they train, and on what.
"""

from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from importlib.metadata import version
from multiprocessing import get_context
from os import getpid
from pathlib import Path
from time import process_time
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from bench.cluster import ROOT
from bench.decisions.protocol import ITERATIONS, LEARNING_RATE, MODEL_SEED, Stream
from bench.decisions.streams import Rows, rows

FOLDER = ROOT / "out" / "bench" / "decisions"
PROCESSES = 2

Bits = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Kind = Literal["last window", "fresh"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Model(NamedTuple):
    """A model that could have been trained."""

    kind: Kind
    """The last window: the batches up to `born`, as many as a window has. Fresh: the batch `born` alone."""
    born: int
    """The newest batch that it was trained on; it may serve from the next one on."""


class Matrix:
    """Errors of every model on every batch after its birth.

    Parameters
    ----------
    stream
        How the stream is cut.
    errors
        Shape (kinds, models, batches, rows), 1 for an error; models by birth, from the first on. What lies before a
        model's birth is 0.
    seconds
        CPU time that all the trainings took, on the day that they were made.
    """

    def __init__(self, stream: Stream, errors: Bits, seconds: float = 0.0) -> None:
        self.stream = stream
        self.seconds = seconds
        self.batches = errors.shape[2]
        self.first = Model("last window", stream.window - 1)
        self.served = range(stream.window, self.batches)
        """The batches that count."""
        self._errors = errors
        self._means = errors.mean(axis=3)

    def errors(self, model: Model, batch: int) -> Bits:
        """Return which rows of a batch a model errs on, shape (rows,)."""
        assert model.born < batch, f"{model} had not been trained before batch {batch}"
        found: Bits = self._errors[KINDS.index(model.kind), model.born - self.first.born, batch]
        return found

    def mean(self, model: Model, batch: int) -> float:
        assert model.born < batch, f"{model} had not been trained before batch {batch}"
        return float(self._means[KINDS.index(model.kind), model.born - self.first.born, batch])

    def means(self, kind: Kind) -> Floats:
        """Return mean errors, shape (models, batches), for the oracle, which may look ahead."""
        found: Floats = self._means[KINDS.index(kind)]
        return found


def matrices(streams: tuple[Stream, ...]) -> dict[str, Matrix]:
    """Return the matrix of each stream, trained now or kept from before."""
    missing = [stream for stream in streams if not _path(stream).exists()]
    # forked processes would share what OpenMP has set up, and hang
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(_keep, missing))
    return {stream.label: _kept(stream) for stream in streams}


def measure(stream: Stream, data: Rows) -> Bits:
    """Train every model and return the errors of each, as `Matrix` takes them."""
    batch, first = stream.batch, stream.window - 1
    data = Rows(data.features[stream.skip :], data.classes[stream.skip :])
    batches = len(data.classes) // batch
    errors = np.zeros((len(KINDS), batches - 1 - first, batches, batch), dtype=np.uint8)
    with threadpool_limits(1):
        for at, born in enumerate(range(first, batches - 1)):
            asked = slice((born + 1) * batch, batches * batch)
            for kind, start in enumerate((born - first, born)):
                learned = slice(start * batch, (born + 1) * batch)
                said = _fitted(data.features[learned], data.classes[learned]).predict(data.features[asked])
                errors[kind, at, born + 1 :] = (said != data.classes[asked]).reshape(-1, batch)
    return errors


def _fitted(features: Floats, classes: npt.NDArray[np.int64]) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(
        max_iter=ITERATIONS, learning_rate=LEARNING_RATE, early_stopping=False, random_state=MODEL_SEED
    )
    return model.fit(features, classes)


def _keep(stream: Stream) -> None:
    data, began = rows(stream.name), process_time()
    errors = measure(stream, data)
    path = _path(stream)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.stem}.{getpid()}.npz")
    np.savez_compressed(scratch, bits=np.packbits(errors), shape=np.array(errors.shape), seconds=process_time() - began)
    scratch.rename(path)


def _kept(stream: Stream) -> Matrix:
    with np.load(_path(stream)) as kept:
        shape = tuple(kept["shape"])
        bits = np.unpackbits(kept["bits"], count=int(np.prod(shape)))
        seconds = float(kept["seconds"])
    return Matrix(stream, bits.reshape(shape), seconds)


def _path(stream: Stream) -> Path:
    """Return where a matrix is kept: another stream, protocol or scikit-learn has another name."""
    data = rows(stream.name)
    digest = blake2b(data.features.tobytes() + data.classes.tobytes(), digest_size=8)
    cut = (stream.batch, stream.window, stream.skip)
    digest.update(repr((*cut, ITERATIONS, LEARNING_RATE, MODEL_SEED, version("scikit-learn"))).encode())
    return FOLDER / f"{stream.name}-{digest.hexdigest()}.npz"
