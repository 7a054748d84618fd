"""Words and numbers of the reports: moments, lengths of time, values with their units, names of signals.

Shared by the page and the terminal. Texts of strangers (feature values, versions) pass through `clean`.
"""

import re
from datetime import datetime

from detectors.units import Unit
from schemas.event_time import SECOND, Micros, from_micros, to_micros
from schemas.feature_spec import FeatureType

INVALID: dict[FeatureType, str] = {
    "numeric": "are not numeric",
    "boolean": "are not true or false",
    "categorical": "are not categories",
    "text": "are not text",
    "datetime": "are not times",
}
"""What is said of values that are not of their feature's type."""

_TITLES = {
    "absolute_error": "mean absolute error",
    "brier_score": "Brier score",
    "challenger_disagreement": "disagreement with the challenger",
    "challenger_loss": "challenger",
    "champion_loss": "champion",
    "cost": "mean cost of a row",
    "demographic_parity": "largest difference in positive predictions",
    "empty_outputs": "empty outputs",
    "entropy": "entropy of the scores",
    "equal_opportunity": "largest difference in recall",
    "error_parity": "largest difference in error rate",
    "estimate_error": "estimate less what came true",
    "estimate_grade": "mean error of the estimate",
    "expectation": "rule broken",
    "f1": "F1",
    "feature_drift": "drift (PSI)",
    "joint_drift": "joint drift of all features",
    "label_delay": "label delay",
    "label_drift": "drift of the labels (PSI)",
    "label_timeliness": "labels in time for their cohort",
    "latency": "slow predictions",
    "log_loss": "log loss",
    "loss_estimate_error": "estimate less what came true",
    "loss_estimate_grade": "mean error of the estimate",
    "loss_parity": "largest difference in loss",
    "macro_f1": "macro F1",
    "margin": "margin to the next class",
    "matthews_correlation": "Matthews correlation",
    "mean_error": "mean error (bias)",
    "prediction_drift": "drift of the prediction (PSI)",
    "predictive_parity": "largest difference in precision",
    "r_squared": "R²",
    "recent_feature_drift": "drift against the recent past (PSI)",
    "recent_prediction_drift": "drift of the prediction against the recent past (PSI)",
    "reference_age": "age of the reference",
    "rejected": "predictions refused, late or duplicate",
    "repeated_outputs": "share of the most frequent output",
    "repetition": "repetition within a text",
    "roc_auc": "ROC AUC",
    "silence_at_end": "silence at the end of a pane",
    "throughput": "predictions a second",
    "top_bottom": "high scores against low ones (Cliff's delta)",
    "unexpected_features": "rows with undeclared features",
    "version_difference": "loss of a new version less that of the old one",
    "version_skew": "skew against the version before",
    "volume": "predictions in a pane",
}

# C0 and C1 controls drive terminals; bidirectional marks make a line read as something else.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` on one line, without characters that control a terminal or the direction of writing."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " ").replace("\t", " "))


_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)


def sentence(text: str) -> str:
    """Return a sentence of ours, cleaned, with its timestamps as people write them."""
    return _TIMESTAMP.sub(lambda found: _said(found[0]), clean(text))


def _said(timestamp: str) -> str:
    try:
        return moment(datetime.fromisoformat(timestamp))
    except ValueError:  # looks like one, and is none: somebody's feature value
        return timestamp


def title_of(signal: str) -> str:
    """Return the name of a signal in words; a signal that nobody entered here is called what it is called."""
    name, _, rest = signal.partition(":")
    if name.startswith("estimated_"):
        return f"estimated {title_of(signal.removeprefix('estimated_'))}"
    if name.startswith("quality_"):
        return f"{clean(name.removeprefix('quality_'))} of the data"
    title = _TITLES.get(name) or clean(name).replace("_", " ")
    return f"{title}: {clean(rest)}" if rest else title


def number(value: float, digits: int = 3) -> str:
    """Return `value` with at least `digits` significant digits, thousands apart, never in powers of ten."""
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    if abs(value) < 1e-4:
        return f"{value:.0e}" if abs(value) < 1e-9 else f"{value:.10f}".rstrip("0").rstrip(".")
    text = f"{value:#.{digits}g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def value_text(value: float | None, unit: Unit) -> str:
    """Return `value` in its unit."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{number(100 * value)} %"
    if unit == "ms":
        return f"{number(value)} ms"
    if unit == "seconds":
        return length(round(value * SECOND))
    return f"{value:,.0f}" if unit == "count" else number(value)


def ratio_text(value: float) -> str:
    """Return an evidence: 0.004, 1.3, 26; beyond a thousand nobody is any surer."""
    if value > 1_000:
        return "over 1,000"
    return "under 0.001" if 0 < value < 1e-3 else number(value)


def moment(when: datetime | Micros) -> str:
    """Return a moment in UTC to the minute; a midnight without its time."""
    micros = when if isinstance(when, int) else to_micros(when)
    utc = from_micros(micros)
    text = f"{utc:%Y-%m-%d}" if utc.year >= 1000 else utc.date().isoformat()
    if micros % (60 * SECOND):
        return f"{text} {utc:%H:%M:%S}"
    return text if utc.hour == utc.minute == 0 else f"{text} {utc:%H:%M}"


def length(micros: Micros) -> str:
    """Return a length of time with at most two units: 7 d, 1 d 12 h, 35 s."""
    units = (("d", 86_400 * SECOND), ("h", 3_600 * SECOND), ("min", 60 * SECOND), ("s", SECOND))
    if micros < 0:
        return f"-{length(-micros)}"
    if micros < SECOND:
        return "0 s" if micros == 0 else f"{micros / 1_000:.3g} ms"
    for place, (name, size) in enumerate(units):
        if micros >= size or size == SECOND:
            whole, rest = divmod(micros, size)
            if place + 1 == len(units) or whole >= 10:
                return f"{round(micros / size):,} {name}"
            smaller, smaller_size = units[place + 1]
            return f"{whole} {name}" + (f" {rest // smaller_size} {smaller}" if rest >= smaller_size else "")
    raise AssertionError  # the last unit always answers


def plural(count: int, word: str) -> str:
    """Return `count` with its noun: 1 alarm, 1,200 rows."""
    return f"{count:,} {word}" + ("" if count == 1 else "es" if word.endswith("ss") else "s")
