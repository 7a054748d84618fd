"""The whole monitor: every signal on a model whose rows never change, and one rise of the error rate."""

from typing import Any

import numpy as np

from bench.detection.model_panes import profile_of
from bench.detection.model_runs import by_signal, model_runs, spread_of
from bench.detection.population import MODEL, draw, model_spec
from bench.detection.protocol import (
    CENSORED,
    IID,
    MODEL_QUARTERS,
    MODEL_REFERENCE_DAYS,
    MODEL_REFERENCES,
    MODEL_RISE,
    REPEATS,
    RISE_BEFORE,
    RISE_PANE,
    SAMPLED_QUARTERS,
    SAMPLED_REFERENCES,
    Scale,
)
from bench.detection.streams import changing, pane_sums
from detectors.layout import FIXED, Layout
from detectors.pane import ClosedPane
from detectors.signals.loss import Loss
from detectors.summary import PaneKey


def monitor(scale: Scale) -> dict[str, Any]:
    """Return alarms in 90 days with their bound, notices beside; and the delay of one rise.

    What fires is counted, not what is told: alerts are fewer, since one change is one alert.
    """
    sampled = model_runs("monitor, sampled", scale, scale.of(SAMPLED_REFERENCES), scale.of(SAMPLED_QUARTERS))
    counted = model_runs("monitor", scale, scale.of(MODEL_REFERENCES), scale.of(MODEL_QUARTERS), sampled=False)
    runs = [*sampled, *counted]
    alarms, notices = (spread_of(runs, severity) for severity in ("alarm", "notice"))
    return {
        "rate": alarms["per 90 d"],
        "bound": alarms["upper 95 % bound"],
        "delay": _delay(scale),
        "beside": [
            {"what": "alarms", **alarms},
            {"what": "notices", **notices},
            {"what": "notices, panes with samples", **spread_of(sampled, "notice")},
            *by_signal(runs),
        ],
    }


def _delay(scale: Scale) -> float:
    """Return the mean number of rows until the loss over all rows, at its weight, is seen to have risen."""
    layout = known_loss(scale)
    found = []
    for repeat in range(scale.of(REPEATS)):
        rng = scale.generator("monitor, rise", repeat)
        change = RISE_BEFORE * RISE_PANE + int(rng.integers(RISE_PANE))
        errors = pane_sums(changing(rng, IID, change, MODEL_RISE, CENSORED), RISE_PANE)
        signal = Loss(layout, None, 0, layout.spec.weights.performance)
        ends = (
            (number + 1) * RISE_PANE
            for number, wrong in enumerate(errors.tolist())
            if any(finding.firing for finding in signal.read(_cohort(layout, number, int(wrong))))
        )
        found.append(min(CENSORED, next((end - change for end in ends if end > change), CENSORED)))
    return float(np.mean(found))


def known_loss(scale: Scale) -> Layout:
    """Return the layout of a model whose reference has so many rows that its error rate is known: .2."""
    rows = draw(scale.generator("monitor, reference"), [RISE_PANE] * MODEL_REFERENCE_DAYS)
    profile = profile_of(model_spec(), rows)
    n = 1_000_000_000
    counts = {family: dict(sections) for family, sections in profile.counts.items()}
    counts["cohort"] |= {"losses": [n], "loss_sums": [round(n * IID.mean) * FIXED]}
    dispersion = {name: phi for name, phi in profile.dispersion.items() if name != "loss"}
    known = profile.model_copy(update={"counts": counts, "dispersion": dispersion})
    return Layout(MODEL, "1", model_spec(), known)


def _cohort(layout: Layout, day: int, wrong: int) -> ClosedPane:
    family = layout.families["cohort"]
    counts = np.zeros(family.size, dtype=np.int64)
    for section, value in (("n", RISE_PANE), ("losses", RISE_PANE), ("loss_sums", wrong * FIXED)):
        family.view(counts, section)[:] = value
    return ClosedPane(PaneKey(MODEL, "1", "cohort", day * layout.spec.pane), layout, counts, [], True)
