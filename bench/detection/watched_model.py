"""A whole monitor over drawn rows: everything that fires is noted, whether people are told of it or not."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import merge

from bench.detection.model_panes import closed_panes, profile_of
from bench.detection.population import MODEL, Rows
from detectors.layouts import Layouts
from detectors.monitor import Monitor, MonitorState
from detectors.pane import ClosedPane
from detectors.signals.signal import Finding, Signal
from schemas.alert import Alert
from schemas.event_time import Micros
from schemas.pane_report import PaneReport
from schemas.profile import ReferenceProfile
from schemas.reading import Reading
from schemas.spec import ModelSpec


@dataclass(frozen=True)
class Fired:
    """A detector that fired, in a pane that was due at `time`."""

    time: Micros
    family: str
    severity: str
    reading: Reading

    @property
    def name(self) -> str:
        """What fired: the signal, and whether it is one of a segment; which feature it was is left out."""
        return self.reading.signal + (" of a segment" if self.reading.segment else "")


@dataclass
class WatchedModel:
    """A monitor of one model with its state, and all that it said."""

    spec: ModelSpec
    profile: ReferenceProfile
    sampled: bool = True
    """Whether panes have samples."""
    fired: list[Fired] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    """Of all readings."""
    judged: Counter[str] = field(default_factory=Counter)
    """Readings that an e-detector has judged, by signal."""

    def __post_init__(self) -> None:
        self._layouts = Layouts({MODEL: self.spec}, {MODEL: {None: self.profile}})
        self._monitor, self._state = Monitor(MODEL, self._layouts), MonitorState()
        self._tapped: set[int] = set()

    def watch(self, rows: Rows) -> None:
        """Close the panes of these rows that are due until they end."""
        self.watch_versions({"1": rows})

    def watch_versions(self, rows: Mapping[str, Rows]) -> None:
        """Close the panes of several versions, until the last one's rows end."""
        width = self.spec.pane
        until = max(int(each.times[-1]) // width * width + width for each in rows.values())
        panes = [
            closed_panes(self._layouts.of(MODEL, version), each, until, self.sampled) for version, each in rows.items()
        ]
        for pane in merge(*panes, key=lambda pane: (pane.due, pane.key.family, pane.key.version)):
            self._state, outputs = self._monitor.close(self._state, pane)
            self.alerts += [one for one in outputs if isinstance(one, Alert)]
            for one in outputs:
                if isinstance(one, PaneReport):
                    self.statuses.update(reading.status for reading in one.readings)
                    self.judged.update(reading.signal for reading in one.readings if reading.evidence is not None)
            for signal in self.signals(pane.key.version):
                if id(signal) not in self._tapped:
                    self._tap(signal)  # after the first pane, in which nothing has evidence yet

    def signals(self, version: str) -> list[Signal]:
        return self._state.versions[version].signals

    def _tap(self, signal: Signal) -> None:
        """Note what a signal finds: alerts are fewer, since one change is one alert."""
        read: Callable[[ClosedPane], Iterable[Finding]] = signal.read

        def tapped(pane: ClosedPane) -> Iterable[Finding]:
            for finding in read(pane):
                if finding.firing is not None:
                    self.fired.append(Fired(pane.due, pane.key.family, finding.firing.severity, finding.reading))
                yield finding

        self._tapped.add(id(signal))
        signal.read = tapped


def watched_model(reference: Rows, spec: ModelSpec, sampled: bool = True) -> WatchedModel:
    """Return a fresh monitor with the profile of a reference."""
    return WatchedModel(spec, profile_of(spec, reference), sampled)
