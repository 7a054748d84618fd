"""The names by which signals are snoozed: all that a model's reports hold, and no others."""

import pytest

from detectors.signals.names import WITH_REFERENCE, no_such_signal, signal_names
from schemas.pane_report import PaneReport

from ..builders import TASKS, Watched, days, layout_of, model_spec, panes_of, profile_of


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("with_profile", [True, False])
def test_every_signal_that_is_read_has_its_name(task: str, with_profile: bool) -> None:
    expectations = [{"name": "known", "rule": "not missing(income)", "dimension": "completeness"}]
    spec = model_spec(task, segments=["region"], expectations=expectations)
    profile = profile_of(spec)
    watched = Watched.of(spec, profile)
    rows = days(spec, 10, seed=1) + days(spec, 10, first=10, error=0.4)
    watched.close(panes_of(layout_of(spec, profile), rows))
    read = {r.signal for one in watched.outputs if isinstance(one, PaneReport) for r in one.readings}
    layout = layout_of(spec, profile if with_profile else None)
    assert [name for name in sorted(read) if no_such_signal(layout, name)] == []
    assert "expectation:known" in read


@pytest.mark.parametrize("task", TASKS)
def test_what_only_a_reference_gives_is_listed_where_there_is_none(task: str) -> None:
    spec = model_spec(task, segments=["region"])
    gained = signal_names(layout_of(spec, profile_of(spec))) - signal_names(layout_of(spec, None))
    assert {name for name in gained if not name.startswith("outcome_rate:")} == set()
    assert signal_names(layout_of(spec, None)) >= WITH_REFERENCE


def test_another_name_is_answered_with_the_near_one_and_the_list() -> None:
    spec = model_spec()
    told = no_such_signal(layout_of(spec, profile_of(spec)), "eror_rate") or ""
    assert told.startswith("model m has no signal 'eror_rate' (did you mean 'error_rate'?); it has error_rate, ")
    assert no_such_signal(layout_of(spec, None), "expectation:unheard of") is not None
