"""`ClosedPane`: a pane that every source partition has finished, merged; what signals read."""

from dataclasses import dataclass, field

from detectors.layout import Counts, Layout
from detectors.odd_features import OddRow
from detectors.sampled_row import SampledRow
from detectors.summary import Offsets, PaneKey
from schemas.event_time import Micros, format_duration, rfc3339, to_micros


@dataclass(frozen=True)
class ClosedPane:
    """The merged summary of one pane of one model version."""

    key: PaneKey
    layout: Layout
    counts: Counts
    """What it says of all its rows: without the labels that curation chose (`detectors.chosen_labels`)."""
    sample: list[SampledRow]
    """Sorted by (the family's time, id)."""
    complete: bool
    """The sample is every row, not a part of them."""
    mismatched: int = 0
    """Source partitions whose summaries were made by another layout and are left out."""
    offsets: dict[int, Offsets] = field(default_factory=dict)
    """By source partition; provenance, of which nothing that is decided may depend."""
    incomplete: int = 0
    """Source partitions that lost something of the pane: it was evicted, or deleted before it was read."""

    dropped: bool = False
    """Level 2 had no room for what was counted."""
    odd: list[OddRow] = field(default_factory=list)
    """Some of the rows whose features are not as declared (traffic)."""
    picked: dict[str, list[SampledRow]] = field(default_factory=dict)
    """Rows that were picked out of all (`detectors.curation.picking`), by reason; sorted as the sample."""
    left_out: int = 0
    """So many labelled rows more the pane has, which curation chose; in a label pane, less what came by itself."""

    @property
    def start(self) -> Micros:
        """First moment of the pane."""
        return self.key.start

    @property
    def end(self) -> Micros:
        """First moment after the pane."""
        return self.key.end(self.layout.spec)

    @property
    def due(self) -> Micros:
        """Event time at which it is judged."""
        return self.key.due(self.layout.spec)

    @property
    def problem(self) -> str | None:
        """Why its counts are not those of all its rows, or None."""
        if self.mismatched:
            return (
                f"{self.mismatched} source partitions count by another reference profile, or sent what cannot be read"
            )
        if self.dropped:
            return "there was no room for it until all source partitions had finished it"
        if self.incomplete:
            return f"{self.incomplete} source partitions miss events: evicted, or deleted before they were read"
        return None

    @property
    def judging_problem(self) -> str | None:
        """Why nothing in it can be judged by the reference, or None: its own problem, or a reference too old."""
        return self.problem or self.stale

    @property
    def stale(self) -> str | None:
        """Why its reference is too old for it, or None."""
        profile, limit = self.layout.profile, self.layout.spec.reference_max_age
        if profile is None or limit is None or self.end <= to_micros(profile.end) + limit:
            return None
        newest = rfc3339(to_micros(profile.end))
        return (
            f"the reference is stale: its newest row is of {newest}, and reference_max_age is {format_duration(limit)}"
        )

    @property
    def estimating(self) -> list[SampledRow]:
        """The sample without the rows that curation chose."""
        return [one for one in self.sample if one.label is None or not one.label.chosen]

    def view(self, section: str) -> Counts:
        """Return the counts of a section of the pane's family."""
        return self.layout.families[self.key.family].view(self.counts, section)

    @property
    def n(self) -> int:
        """Rows of the family: predictions (traffic, cohort) or feedback (label)."""
        return int(self.view("n")[0])
