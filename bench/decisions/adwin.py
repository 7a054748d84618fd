"""ADWIN, as River ships it: another model when it sees a change in the errors of this one."""

from river import drift

from bench.decisions.matrix import Bits, Kind, Model


class AdwinPolicy:
    """Retrains when ADWIN fires, be it for a rise or for a fall.

    "Last window" is trained at once. "Fresh" waits for a batch that lies wholly after the alarm, and is trained on
    that; with a refit, the last window takes its place as soon as all of it lies after the alarm.

    Parameters
    ----------
    kind
        What is trained.
    refit_after
        Batches after a fresh model's birth; None for no refit.
    """

    def __init__(self, kind: Kind, refit_after: int | None = None) -> None:
        self._kind = kind
        self._refit_after = refit_after
        self._detector = drift.ADWIN()
        self._waits = False
        self._fresh: int | None = None

    def after(self, batch: int, errors: Bits) -> Model | None:
        if self._waits:
            self._fresh, self._waits = batch, False
            return self._next(Model("fresh", batch))
        if self._fires(errors):
            self._fresh = None
            if self._kind == "last window":
                return self._next(Model("last window", batch))
            self._waits = True
        elif self._fresh is not None and batch - self._fresh == self._refit_after:
            self._fresh = None
            return self._next(Model("last window", batch))
        return None

    def _next(self, model: Model) -> Model:
        self._detector = drift.ADWIN()
        return model

    def _fires(self, errors: Bits) -> bool:
        fired = False
        for error in errors.tolist():
            self._detector.update(error)
            fired = fired or self._detector.drift_detected
        return fired
