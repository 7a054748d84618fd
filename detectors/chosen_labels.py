"""Labels that curation chose: rows asked for because they are unlike the others, which say nothing of the others.

Level 1 counts them twice: with all other labels, and by themselves. So what the others say is a difference of integers,
whatever partition counted which label, and a summary has the same layout whether anything is asked for or not. Where
the label of a chosen row comes by itself as well, that is taken from them again: it counts as if nobody had asked.
"""

from detectors.layout import Counts, Layout
from detectors.summary import PaneSummary
from schemas.spec import ModelSpec

_OF_LABELS = ("n", "delay", "timely")
"""What a label pane tells of labels and not of the model: that is told of all of them."""


def chooses(spec: ModelSpec) -> bool:
    """Return whether rows of a model are asked for that are not drawn at random."""
    wanted = spec.label_requests
    return wanted.per_pane > 0 and bool(wanted.rules or set(wanted.strategies) - {"random"})


def without_chosen(layout: Layout, pane: PaneSummary) -> tuple[Counts, int]:
    """Return what a merged pane says of all its rows, and how many labelled rows that leaves out."""
    if pane.chosen is None:
        return pane.counts, 0
    view = layout.families[pane.key.family].view
    found = pane.counts - pane.chosen
    if pane.key.family == "label":
        for section in _OF_LABELS:
            view(found, section)[:] = view(pane.counts, section)
    return found, max(0, int(view(pane.chosen, "losses").sum()))
