"""How much more loss than the champion's is put up with, in the unit of the loss, and in words.

A margin that the monitor file names is in that unit. A default is a share of what the largest loss is: of 1, for errors
of 0 and 1; a regression's loss has no largest one, and there it is a share of the champion's mean loss on the held-out
rows, so that the same model in cents or in millions has the same verdict.
"""

import numpy as np

from streams.check.context import CheckContext, Unanswerable
from streams.report_text import number

SLICE, HARDEST = 0.02, 0.05


def slice_margin(context: CheckContext) -> float:
    """Return what is put up with on a slice; raises `Unanswerable` where the default is a share of nothing known."""
    return _margin(context, context.checks.slice_margin, SLICE)


def hardest_margin(context: CheckContext) -> float:
    """Return what is put up with on the hardest points; raises `Unanswerable` likewise."""
    return _margin(context, context.checks.hardest_margin, HARDEST)


def allowed_on_slice(context: CheckContext) -> str:
    """Return the margin of slices with where it comes from."""
    return _in_words(context, slice_margin(context), context.checks.slice_margin, SLICE, "slice_margin")


def allowed_on_hardest(context: CheckContext) -> str:
    """Return the margin of the hardest points likewise."""
    return _in_words(context, hardest_margin(context), context.checks.hardest_margin, HARDEST, "hardest_margin")


def _margin(context: CheckContext, declared: float | None, share: float) -> float:
    if declared is not None:
        return declared
    if context.spec.task != "regression":
        return share
    places = context.compared
    if not len(places):
        raise Unanswerable("no held-out row has the champion's loss, of which the default margin is a share")
    return share * float(np.average(context.champion_losses[places], weights=context.holdout.weights[places]))


def _in_words(context: CheckContext, margin: float, declared: float | None, share: float, name: str) -> str:
    if declared is None and context.spec.task == "regression":
        return f"{number(margin)} that is allowed ({name}: {100 * share:g} % of the champion's mean loss)"
    return f"{number(margin)} that is allowed ({name})"
