"""`document`: a backtest as backtest.json has it."""

from dataclasses import asdict
from typing import Any

from schemas.event_time import format_duration, rfc3339
from streams.backtest.candidates import RECORDED
from streams.backtest.recommendation import Recommendation, block
from streams.backtest.result import Result


def document(result: Result, advice: Recommendation) -> dict[str, Any]:
    """Return all that a backtest found, as JSON has it."""
    best = result.best
    return {
        "model": result.model,
        "start": rfc3339(result.start),
        "end": rfc3339(result.end),
        "rows": result.rows,
        "labelled": result.labelled,
        "unit": result.unit,
        "costs": {"retraining": result.retraining, "retraining_assumed": result.assumed},
        "decisions": result.decisions,
        "judged_cohorts": result.panes,
        "training_time": format_duration(result.delay),
        "models_trained": result.fitted,
        "notes": result.notes,
        "oracle": {
            "covers": ORACLE,
            "total": best.total,
            "loss_cost": float(best.losses.sum()),
            "retraining_cost": float(best.training.sum()),
            "retrainings": [rfc3339(result.moments[point + 1] - result.delay) for point in best.trained],
            "recorded_share": sum(one == RECORDED for one in best.serving) / len(best.serving),
        },
        "policies": [
            {
                "name": one.name,
                "kind": one.family,
                "loss_cost": one.loss_cost,
                "retrainings": one.retrainings,
                "retraining_cost": one.retraining_cost,
                "total": one.total,
                "regret": one.regret,
                "best_phase_total": one.best_phase,
                "triggers": one.triggers,
                "settings": one.settings,
                "yaml": block(result.model, one),
                "note": one.note,
                "cost_by_stretch": one.by_stretch.tolist(),
            }
            for one in result.outcomes
        ],
        "stretches": [rfc3339(moment) for moment in result.moments],
        "recommendation": asdict(advice) | {"not_told_apart": advice.close},
    }


ORACLE = (
    "Exact over every model that was trained: at each decision point one on the newest labelled rows, one on all so "
    "far, and whatever any compared policy trained there; it may also go back to the model before, or to the recorded "
    "one. A model trained on other rows, or between decision points, may have been better still."
)
