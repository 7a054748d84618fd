"""The columns of the archive and of datasets: one row a prediction, with what became known of it.

Features keep their names behind `feature.`, so that none can collide with ours.
"""

import pyarrow as pa

from schemas.feature_spec import FeatureType
from schemas.spec import ModelSpec

FEATURE = "feature."
"""What stands before the name of a feature."""
SCORE = "score."
"""What stands before the name of an attached score."""

MOMENT = pa.timestamp("us", tz="UTC")

_TYPES: dict[FeatureType, pa.DataType] = {
    "numeric": pa.float64(),
    "categorical": pa.string(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "datetime": pa.string(),
}

BEFORE = (
    ("prediction_id", pa.string()),
    ("model", pa.string()),
    ("version", pa.string()),
    ("time", MOMENT),
)

KNOWN = (
    ("label", pa.string()),
    ("value", pa.float64()),
    ("rating", pa.float64()),
    ("label_time", MOMENT),
    ("label_corrects", pa.bool_()),
    ("label_by_user", pa.bool_()),
    ("loss", pa.float64()),
    ("weight", pa.float64()),
)
"""`label`, `value`, `rating`: what came true, null where nothing is known. `loss`: of the prediction, in the unit of
the task. `weight`: how many rows it stands for; 1 unless it was drawn for a label with a known probability."""

AFTER = (
    ("output_label", pa.string()),
    ("output_score", pa.float64()),
    ("output_value", pa.float64()),
    ("output_text", pa.string()),
    ("latency_ms", pa.float64()),
    *KNOWN,
    ("partition", pa.int32()),
    ("prediction_offset", pa.int64()),
)


def archive_schema(spec: ModelSpec) -> pa.Schema:
    """Return the columns of a model's rows. A value that is none of its declared type is null there."""
    features = [(FEATURE + name, _TYPES[feature.type]) for name, feature in spec.features.items()]
    scores = [(SCORE + name, pa.float64()) for name in spec.scores]
    return pa.schema([*BEFORE, *features, *scores, *AFTER])
