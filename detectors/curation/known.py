"""`Known`: what a curation strategy may look at; `Ranking`: which rows it would have labelled, best first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from detectors.challenger import Challenger
from detectors.id_hash import id_hashes
from detectors.loss_regressor import LossRegressor
from detectors.loss_rows import LossRows
from detectors.pane import ClosedPane
from detectors.sampled_row import SampledRow
from schemas.event_time import Micros

RowKey = tuple[str, Micros]
"""Id and time of a row: no two rows of a version share both."""


class Choice(NamedTuple):
    """A row that is worth a label, and why."""

    sampled: SampledRow
    detail: str


class Ranking(NamedTuple):
    """What a strategy found."""

    choices: list[Choice]
    """Best first."""
    problem: str | None = None
    """Why it has nothing to go by. It depends on what is counted and learnt, never on which rows were sampled."""


@dataclass(frozen=True)
class Known:
    """A closed traffic pane, and what its version has learnt so far."""

    pane: ClosedPane
    rows: list[SampledRow]
    """Sampled rows that may be asked for, in the order of their hashes: what is taken first among equals is random."""
    ruled: dict[str, list[SampledRow]]
    """By rule: rows it is true of that may be asked for, likewise."""
    complaints: list[SampledRow]
    """Rows of any pane that may be asked for: somebody complained, and nobody has said what is right. Newest first."""
    losses: LossRows
    challenger: Challenger | None = None
    regressor: LossRegressor | None = None


def key_of(sampled: SampledRow) -> RowKey:
    """Return what names a row."""
    return sampled.row.id, sampled.row.time


def by_hash(rows: Iterable[SampledRow]) -> list[SampledRow]:
    """Return rows in the order of the hashes that samples are drawn by."""
    rows = list(rows)
    hashes = id_hashes([sampled.row.id for sampled in rows])[:, 0].tolist()
    order = sorted(range(len(rows)), key=lambda i: (hashes[i], *key_of(rows[i])))
    return [rows[i] for i in order]
