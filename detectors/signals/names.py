"""Names of the signals that a model has, by which people snooze them. Pure."""

from difflib import get_close_matches

import numpy as np

from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.rollout_stages import SIGNAL as VERSION_DIFFERENCE
from detectors.signals.catalogue import signals_of
from detectors.signals.loss import NAMES
from detectors.summary import PaneKey
from schemas.reading import Family

TOLD = 40  # names that a refusal lists

WITH_ROWS = frozenset(
    {
        "calibration",
        "estimate_error",
        "estimate_grade",
        "latency_p50",
        "latency_p95",
        "latency_p99",
        "loss_estimate_error",
        "loss_estimate_grade",
        "version_skew",
        VERSION_DIFFERENCE,
    }
)
"""Signals that say nothing of a pane without rows, or that two versions share."""

WITH_REFERENCE = frozenset(
    {
        "acceptance_rate",
        "balanced_accuracy",
        "complaint_rate",
        "confidence",
        "correction_rate",
        "demographic_parity",
        "empty_outputs",
        "entropy",
        "equal_opportunity",
        "error_parity",
        "label_drift",
        "latency",
        "listed_words",
        "loss_parity",
        "macro_f1",
        "macro_precision",
        "macro_recall",
        "margin",
        "outcome_mean",
        "outcome_rate",
        "override_rate",
        "oversized_outputs",
        "predictive_parity",
        "rating",
        "reference_age",
        "refused_outputs",
        "repetition",
    }
)
"""Signals that some models have only with a reference profile: without one, nobody can tell whether this one has."""

CLASSES = "outcome_rate:"
"""What the names of signals of a class begin with; classes may be known from the reference alone."""


def signal_names(layout: Layout) -> frozenset[str]:
    """Return the names of the signals that a version has, or may come to have."""
    names: set[str] = set(WITH_ROWS)
    families: tuple[Family, ...] = ("traffic", "label", "cohort")
    for family in families:
        counts = np.zeros(layout.families[family].size, dtype=np.int64)
        pane = ClosedPane(PaneKey(layout.model, layout.version, family, 0), layout, counts, [], True)
        for signal in signals_of(layout):
            if family in signal.families:
                names.update(finding.reading.signal for finding in signal.read(pane))
    return frozenset(names) if layout.profile is not None else frozenset(names | WITH_REFERENCE)


def no_such_signal(layout: Layout, name: str) -> str | None:
    """Return that a model has no signal of a name, with those that it has; None where it has it."""
    names = signal_names(layout)
    if name in names or (layout.profile is None and name.startswith(CLASSES)):
        return None
    close = get_close_matches(name, sorted(names), n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    known = [NAMES[layout.spec.task], *sorted(names - {NAMES[layout.spec.task]})]
    more = f" and {len(known) - TOLD} more" if len(known) > TOLD else ""
    return f"model {layout.model} has no signal {name!r}{hint}; it has {', '.join(known[:TOLD])}{more}"
