"""Which signals a model version has. New signals are entered here."""

import hashlib
import json
from typing import Any

from detectors.budget import within_budget
from detectors.layout import Layout
from detectors.signals.bias import biases
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.detected_loss import detected_losses
from detectors.signals.drift import drifts
from detectors.signals.joint_drift import joint_drift
from detectors.signals.label_drift import label_drift
from detectors.signals.labels import Coverage, LabelDelay
from detectors.signals.loss import label_losses, losses
from detectors.signals.outcomes import outcomes
from detectors.signals.performance import performances
from detectors.signals.proxies import proxies
from detectors.signals.quality import qualities
from detectors.signals.quality_numbers import quality_numbers
from detectors.signals.recent_drift import recent_drifts
from detectors.signals.signal import Signal
from detectors.signals.system import systems
from detectors.signals.top_bottom import TopBottom
from detectors.version_comparison import RolloutStake

UNRELATED: Any = {"retraining": True, "costs": {"loss"}, "label_requests": True, "reference": True}
"""Settings that no signal depends on."""


def signals_of(layout: Layout) -> list[Signal]:
    """Return fresh signals of a model version, in the order in which they read a pane."""
    spec = layout.spec
    signals: list[Signal] = [*losses(layout), *label_losses(layout), Coverage(), *performances(layout)]
    signals += [*biases(layout), *outcomes(layout), *label_drift(layout, spec.notice_weights.labels)]
    signals += [*detected_losses(layout), LabelDelay()]
    if spec.challenger and spec.task != "text":
        signals.append(ChallengerLoss(layout))
    signals += [*recent_drifts(layout, spec.notice_weights.recent), *joint_drift(layout, spec.notice_weights.joint)]
    signals += [*qualities(layout), *quality_numbers(layout), *drifts(layout), *systems(layout, spec.weights.system)]
    signals += proxies(layout, spec.notice_weights.proxies)
    if spec.task != "text":
        signals.append(TopBottom(layout))
    within_budget([*signals, RolloutStake(spec.weights.rollout)])  # it reads two versions' panes: see detectors.rollout
    return signals


def settings_of(layout: Layout) -> str:
    """Return a fingerprint of what `signals_of` depends on: settings, reference profile, and the signals there are."""
    spec = layout.spec.model_dump(mode="json", exclude=UNRELATED)
    profile = None if layout.profile is None else layout.profile.model_dump(mode="json")
    names = [type(signal).__qualname__ for signal in signals_of(layout)]
    text = json.dumps([spec, profile, names], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
