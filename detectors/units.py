"""In what unit the values of a signal are, for those who word them."""

from typing import Literal

Unit = Literal["share", "number", "ms", "seconds", "count"]

_SHARES = frozenset(
    [
        "error_rate",
        "accuracy",
        "precision",
        "recall",
        "specificity",
        "f1",
        "balanced_accuracy",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "label_coverage",
        "calibration",
        "calibration_error",
        "estimate_error",
        "estimate_grade",
        "complaint_rate",
        "acceptance_rate",
        "correction_rate",
        "override_rate",
        "outcome_rate",
        "confidence",
        "repetition",
        "repeated_outputs",
        "empty_outputs",
        "oversized_outputs",
        "refused_outputs",
        "listed_words",
        "score_missing",
        "challenger_disagreement",
        "missing",
        "invalid",
        "out_of_range",
        "unseen",
        "unexpected_features",
        "expectation",
        "label_timeliness",
        "quality_accuracy",
        "quality_completeness",
        "quality_consistency",
        "quality_timeliness",
        "quality_validity",
        "quality_integrity",
        "demographic_parity",
        "equal_opportunity",
        "predictive_parity",
        "error_parity",
        "joint_drift",
        "latency",
        "rejected",
    ]
)
"""Signals whose values lie in [0, 1], or are differences of such, and are read as per cent."""

_OTHERS: dict[str, Unit] = {"volume": "count", "reference_age": "seconds", "silence_at_end": "seconds"}
_OTHERS |= {"longest_silence": "seconds"}


def unit_of(signal: str, task: str | None = None) -> Unit:
    """Return the unit of a signal's readings; `task` is that of the model, where it is known."""
    name = signal.partition(":")[0]
    known = name if name in _SHARES else name.removeprefix("estimated_")
    if name in ("challenger_loss", "champion_loss", "estimate_error", "estimate_grade", "version_difference"):
        return "share" if task in ("binary", "multiclass") else "number"
    if name == "challenger_disagreement" and task == "regression":
        return "number"
    if known in _SHARES:
        return "share"
    if name.startswith("latency_"):
        return "ms"
    return "seconds" if name.startswith("label_delay") else _OTHERS.get(name, "number")


def told_unit(signal: str, task: str | None = None) -> Unit:
    """Return the unit of what an alert says: an alert of drift speaks of a share, its readings of a distance."""
    return "share" if signal.endswith("_drift") else unit_of(signal, task)
