"""`DatasetPlan`: what a trigger says of its dataset, with every default filled in."""

from dataclasses import dataclass

import pyarrow as pa

from detectors.training_data import holdout_seed, seed
from schemas.event_time import Micros, to_micros
from schemas.spec import ModelSpec
from schemas.trigger import Holdout, RetrainingTrigger, SamplePlan
from streams.dataset_rules import Mask, RowRule, segment_rows


@dataclass(frozen=True)
class MustHave:
    """Rows of which the training set has so many: those of a segment, or those that a rule holds for."""

    name: str
    """The rule, or feature=value."""
    rule: RowRule | None
    """None: a segment."""
    at_least: int

    def rows(self, settings: ModelSpec, rows: pa.Table) -> Mask:
        """Return which rows are of it."""
        return segment_rows(settings, self.name, rows) if self.rule is None else self.rule.holds(rows)


@dataclass(frozen=True)
class DatasetPlan:
    """A trigger's `train_on`, in microseconds; what the trigger does not say, the monitor file does."""

    trigger: RetrainingTrigger
    settings: ModelSpec
    start: Micros
    end: Micros
    exclude: tuple[tuple[Micros, Micros], ...]
    parts: tuple[tuple[str, Micros, Micros], ...]
    """Whose rows are used when: version, start and end."""
    labels_until: Micros
    sample: SamplePlan
    half_life: Micros
    holdout: Holdout
    must_have: tuple[MustHave, ...]
    pinned: frozenset[str]
    wanted: frozenset[str]

    @property
    def slices(self) -> list[str]:
        """Drifted slices, each feature=value."""
        return [each.segment for each in self.trigger.train_on.slices]


def plan_of(trigger: RetrainingTrigger, settings: ModelSpec) -> DatasetPlan:
    """Return the plan of a trigger.

    Raises
    ------
    UserError
        When a rule that it names is none of this model's.
    """
    said, defaults = trigger.train_on, settings.retraining.dataset
    start, end = to_micros(said.window.start), to_micros(said.window.end)
    sample = said.sample or SamplePlan(
        method=defaults.sample,
        max_rows=defaults.max_rows,
        seed=seed(trigger.id, "sample"),
        half_life=defaults.half_life,
    )
    holdout = said.holdout or Holdout(
        share=defaults.holdout, max_rows=defaults.holdout_rows, seed=holdout_seed(trigger.model)
    )
    slices = [MustHave(each.segment, None, each.at_least) for each in said.slices if each.at_least]
    rules = [MustHave(each.where, RowRule(settings, each.where), each.at_least) for each in said.must_have]
    return DatasetPlan(
        trigger=trigger,
        settings=settings,
        start=start,
        end=end,
        exclude=tuple((to_micros(each.start), to_micros(each.end)) for each in said.exclude),
        parts=tuple((each.version, to_micros(each.start), to_micros(each.end)) for each in said.versions)
        or ((trigger.version, start, end),),
        labels_until=to_micros(said.labels_until or trigger.time),
        sample=sample,
        half_life=sample.half_life or max((end - start) // 4, 1),
        holdout=holdout,
        must_have=(*slices, *rules),
        pinned=frozenset(said.pinned),
        wanted=frozenset(said.wanted_labels),
    )
