"""`PaneClosing`: which panes of a source partition are over, and what level 2 is told of them, in which order.

Summaries come before the watermark that closes their panes, and so does what is missing from panes up to there.
"""

from typing import NamedTuple

from detectors.summary import PaneKey
from schemas.spec import MonitorSpec
from streams.archive_panes import ArchivePanes
from streams.event_clock import EventClock
from streams.incomplete import Incomplete
from streams.messages import IncompleteMessage, WatermarkMessage, incomplete_message, summary_message, watermark_message
from streams.open_panes import OpenPanes
from streams.outbox import Outbox
from streams.records import Role

Through = dict[Role, int]
"""Newest offset of each topic that is in what level 2 is told."""


class Source(NamedTuple):
    """Which source partition speaks, and of how many."""

    partition: int
    partitions: int


class PaneClosing:
    """Puts into the outbox what level 2 is told of the open panes and of event time.

    Parameters
    ----------
    boundaries
        Where event time stood, in panes, when panes were last closed, as a checkpoint kept it.
    archive
        Gathers what goes into the archive; None: nothing does.
    """

    def __init__(
        self,
        spec: MonitorSpec,
        source: Source,
        clock: EventClock,
        panes: OpenPanes,
        incomplete: Incomplete,
        outbox: Outbox,
        boundaries: list[int],
        archive: ArchivePanes | None = None,
    ) -> None:
        self._spec = spec
        self._source = source
        self._clock = clock
        self._panes = panes
        self._incomplete = incomplete
        self._outbox = outbox
        self.boundaries = boundaries
        self._archive = archive
        # Models whose panes end at the same moments are looked at once.
        self._paces = list({(m.lateness, m.pane, m.maturity): m for m in spec.models.values()}.values())

    def close(self, through: Through) -> bool:
        """Hand over the panes that no event can go into any more, and tell level 2 how far event time has come.

        Returns whether event time has come to the end of any pane since it was last asked.
        """
        boundaries: list[int] = []
        for model in self._paces:
            predictions = self._clock.watermark("predictions", model.lateness)
            both = self._clock.complete(model, self._spec)
            for mark in (predictions, both, None if both is None else both - model.maturity):
                boundaries.append(-1 if mark is None else mark // model.pane)
        if boundaries == self.boundaries:
            return False
        self.boundaries = boundaries
        self._panes.count()
        over = [key for key in self._panes.keys if self._is_over(key)]
        if self._archive is not None:
            self._archive.close(over)
        for summary in self._panes.finish(over):
            self._outbox.put(summary_message(summary, self._source.partition, through))
        self.tell_watermark(through)
        self._incomplete.finish(self._clock.times, self._spec)
        return True

    def tell_provisional(self, through: Through) -> None:
        """Hand over what the open panes hold so far, since level 2 goes on without this partition."""
        self._panes.count()
        for summary in self._panes.summaries(self._panes.keys):
            self._outbox.put(summary_message(summary, self._source.partition, through))
        self.tell_watermark(through)

    def tell_watermark(self, through: Through) -> None:
        """Tell level 2 how far event time has come; before that, what is missing up to there."""
        for name, families in self._incomplete.news(self._spec):
            self._outbox.put(incomplete_message(IncompleteMessage(self._source.partition, name, families)))
        message = WatermarkMessage(
            partition=self._source.partition,
            partitions=self._source.partitions,
            times=dict(self._clock.times),
            idle=self._clock.asleep,
            through=through,
        )
        self._outbox.put(watermark_message(message))

    def _is_over(self, key: PaneKey) -> bool:
        model = self._spec.models[key.model]
        if key.family == "traffic":
            mark = self._clock.watermark("predictions", model.lateness)
        else:
            mark = self._clock.complete(model, self._spec)
        return mark is not None and mark >= key.due(model)
