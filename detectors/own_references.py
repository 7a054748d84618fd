"""`OwnReferences`: a version that came to serve through a rollout is judged by what it was while it was tried. Pure.

From then on its layout has that reference, and everything that reads a pane of it reads that one. Level 1 and the panes
that it sends know nothing of it: bins stay as they are.
"""

from dataclasses import dataclass

from detectors.broken_data import stretches
from detectors.episodes import Change, Episode, begin_anew
from detectors.incidents import take
from detectors.layout import Layout
from detectors.layouts import Layouts
from detectors.monitor_state import VERSIONS, MonitorState, VersionState
from detectors.own_reference import OwnReference, unpacked_profile
from detectors.own_reference_alert import alert_of_end
from detectors.pane import ClosedPane
from detectors.signals.catalogue import settings_of, signals_of
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.detected_loss import DetectedLoss
from detectors.signals.estimated_loss import EstimatedLoss
from detectors.signals.loss import NAMES
from detectors.signals.recent_drift import RecentDrift
from detectors.signals.signal import Signal
from detectors.triggering import reference_mean
from schemas.alert import Alert
from schemas.pane_report import ReferenceAdopted
from schemas.profile import ReferenceProfile
from schemas.reading import Reading

WITHOUT_REFERENCE = (ChallengerLoss, DetectedLoss, RecentDrift)
"""Signals that hold what they read against something else than the reference: they go on."""


@dataclass(frozen=True)
class Adopted:
    """What came of a reference that was adopted."""

    told: ReferenceAdopted
    alerts: list[Alert]
    """Ends of what had been told by the reference before."""


class OwnReferences:
    """The references that versions of one model adopt; their states are in `VersionState.own`."""

    def __init__(self, model: str, layouts: Layouts) -> None:
        self._model, self._layouts = model, layouts
        self._made: dict[str, tuple[bytes, Layout]] = {}
        """By version: the layouts that were made of adopted profiles."""

    def layout(self, state: MonitorState, layout: Layout) -> Layout:
        """Return the layout by which a version is judged, given that by which it is counted.

        While it is tried, and until it has a reference of its own, it is judged by that of the version that serves.
        """
        packed = self._packed(state, layout)
        if packed is None:
            return layout
        made = self._made.get(layout.version)
        if made is None or made[0] != packed or made[1].spec is not layout.spec:
            if len(self._made) >= VERSIONS:
                self._made.clear()
            same = next((each for data, each in self._made.values() if data == packed), None)
            judging = same or Layout(layout.model, layout.version, layout.spec, unpacked_profile(packed))
            made = self._made[layout.version] = packed, judging.of_version(layout.version)
        return made[1]

    def adopted(self, state: MonitorState) -> dict[str, Layout]:
        """Return the layouts of the versions that are judged by a reference that was adopted."""
        owners = [name for name, version in state.versions.items() if version.own is not None]
        return {name: self.layout(state, self._layouts.of(self._model, name)) for name in owners}

    def adopt(self, state: MonitorState, pane: ClosedPane) -> Adopted | None:
        """Adopt the reference of the pane's version if it has come to serve and enough is known, before it is judged.

        Between the panes of one moment and those of the next: what is adopted knows the same of all families.
        """
        version, layout = state.versions.get(pane.key.version), pane.layout
        own = None if version is None else version.own
        if version is None or own is None or own.adopted is not None or own.through >= pane.due:
            return None
        if state.rollouts.rollout.serving != layout.version or not self._may_have(layout, own):
            return None
        if not own.adopt(self.layout(state, layout), stretches(version.broken)):
            return None
        judging = self.layout(state, layout)
        profile = judging.profile
        assert profile is not None
        version.signals, version.settings = _anew(version.signals, judging), settings_of(judging)
        version.effects.clear()
        told, _ = take(version.incidents, _ended(version, layout), pane, version.history)
        alerts = [alert_of_end(each.incident, pane, profile) for each in told]
        return Adopted(_told(judging, profile), alerts)

    def take(self, state: MonitorState, pane: ClosedPane) -> None:
        """Take a closed pane, once it is judged: versions that are tried, or wait to adopt, gather it."""
        rollout = state.rollouts.rollout
        for name, version in state.versions.items():
            own = version.own
            if own is None and name != rollout.candidate:
                continue
            layout = self._layouts.of(self._model, name)
            if own is not None and not self._may_have(layout, own):
                own = version.own = None
            if own is not None and own.adopted is None and name not in (rollout.candidate, rollout.serving):
                own = version.own = None  # it was rolled back, or given up
            if own is None and name == rollout.candidate and self._may_have(layout):
                own = version.own = OwnReference(layout, rollout.time, self._of_serving(state, layout))
            if own is not None and name == pane.key.version:
                own.take(pane, stretches(version.broken))

    def _packed(self, state: MonitorState, layout: Layout) -> bytes | None:
        """Return the profile by which a version is judged, packed; None where that is the one of the monitor file."""
        known = state.versions.get(layout.version)
        own = None if known is None else known.own
        if own is None:
            tried = layout.version == state.rollouts.rollout.candidate and self._may_have(layout)
            return self._of_serving(state, layout) if tried else None
        return own.judging if self._may_have(layout, own) else None

    def _of_serving(self, state: MonitorState, layout: Layout) -> bytes | None:
        """Return the adopted profile of the version that serves, if it is one for this version, too."""
        serving = state.versions.get(state.rollouts.rollout.serving or "")
        own = None if serving is None else serving.own
        return own.judging if own is not None and self._may_have(layout, own) else None

    def _may_have(self, layout: Layout, own: OwnReference | None = None) -> bool:
        """Return whether a version may be judged so: one of its own in the monitor file always wins."""
        profiles = self._layouts.profiles(self._model)
        allowed = layout.spec.retraining.rollout.own_reference and layout.version not in profiles and None in profiles
        return allowed and (own is None or own.fingerprint == layout.fingerprint)


def waits(state: MonitorState, version: str) -> bool:
    """Return whether a version serves after it was tried, and too little is known of it for a reference of its own."""
    known = state.versions.get(version)
    return known is not None and known.own is not None and known.own.adopted is None


def _anew(before: list[Signal], layout: Layout) -> list[Signal]:
    """Return signals that judge by another reference; what was learnt without it goes on."""
    signals = signals_of(layout)
    for kind in WITHOUT_REFERENCE:
        old: list[Signal] = [signal for signal in before if isinstance(signal, kind)]
        places = [place for place, signal in enumerate(signals) if isinstance(signal, kind)]
        if len(old) == len(places):  # else the monitor file has just changed as well
            for place, signal in zip(places, old, strict=True):
                signals[place] = signal
    for signal in signals:
        for known in before:
            if isinstance(signal, EstimatedLoss) and isinstance(known, EstimatedLoss):
                signal.learn_on(known)
    return signals


def _ended(version: VersionState, layout: Layout) -> list[Change]:
    """End the episodes of what was judged by the reference before, in place.

    They are not over, they are told of no more: to somebody on call an alert that nothing can end is worse than one
    that says why it ends. Broken data stays broken, whatever it is held against: those go on until it is whole.
    """
    found: list[Change] = []
    for key, episode in list(version.episodes.items()):
        signal, feature, segment, detector, _ = key
        if signal.startswith("recent_") or signal == "version_skew" or detector in _streamed(layout):
            continue
        if _is_broken(episode):
            begin_anew({key: episode})
            continue
        del version.episodes[key]
        reading = Reading(
            signal=signal,
            tier=episode.tier,
            feature=feature,
            segment=segment,
            detector=detector,
            value=None,
            n=0,
            status="unknown",
            reason="it is judged by a reference of its own from here on",
        )
        found.append(Change(key, episode, reading, None))
    return found


def _is_broken(episode: Episode) -> bool:
    return episode.tier == "quality" and episode.severity == "alarm" and not episode.data_is_right


def _streamed(layout: Layout) -> set[str]:
    """Return the detectors that judge the order of rows, and no reference."""
    return {detector.type for detector in layout.spec.detectors}


def _told(layout: Layout, profile: ReferenceProfile) -> ReferenceAdopted:
    return ReferenceAdopted(
        start=profile.start,
        end=profile.end,
        panes=profile.panes,
        rows=profile.rows,
        labelled=profile.labelled,
        signal=NAMES[layout.spec.task],
        loss=reference_mean(layout),
    )
