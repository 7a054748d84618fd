"""A version that came to serve through a rollout is judged by what it was while it was tried, and by nothing else."""

from functools import cache

import numpy as np
import pytest

from detectors.build_profile import _sample
from detectors.layout import Layout
from detectors.own_reference import unpacked_profile
from detectors.policies.cost_state import CostState
from detectors.profile_dispersion import dispersions
from detectors.state import encode
from detectors.top_bottom import tails_of
from schemas.event_time import to_micros
from schemas.pane_report import PaneReport
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

from .builders import DAY, START, TASKS, LabelledRow, Watched, layout_of, panes_of
from .trials import ROWS, TRIED, adoptions, alerts_of, command, profile, rows_of, silent, spec_of, story, tried

WORSE = (0.1, 0.35)
"""Error rates of version 1 before and after the inputs shifted on day 10."""
SHIFT = 0.7
"""Of the inputs: by so many standard deviations, which the reference's range still holds."""


def old(spec: ModelSpec, until: int, error: float = WORSE[1]) -> list[LabelledRow]:
    return rows_of(spec, "1", [(0, 10, WORSE[0], 0.0), (10, until - 10, error, SHIFT)])


def new(spec: ModelSpec, until: int, error: float = 0.2) -> list[LabelledRow]:
    return rows_of(spec, "2", [(TRIED, until - TRIED, error, SHIFT)])


@cache
def usual(task: str = "binary", promoted: float = 70, restart: int = 0) -> Watched:
    spec = spec_of(task)
    return story(spec, {"1": old(spec, 80), "2": new(spec, 80)}, tried(promoted), restart=restart)


def adopted_by(watched: Watched, version: str = "2") -> ReferenceProfile:
    own = watched.state.versions[version].own
    assert own is not None
    assert own.adopted is not None
    return unpacked_profile(own.adopted)


# when


@pytest.mark.parametrize("task", TASKS)
def test_it_adopts_what_it_was_once_it_serves(task: str) -> None:
    ((report, told),) = adoptions(usual(task))
    assert (report.version, report.time) == ("2", report.time)
    assert START + 70 * DAY < to_micros(report.time) <= START + 71 * DAY
    assert to_micros(told.start) == START + TRIED * DAY
    assert told.rows == told.panes * ROWS
    assert told.panes >= 30
    assert told.loss is not None
    own = adopted_by(usual(task))
    assert (own.version, own.rows, own.labelled) == ("2", told.rows, told.labelled)
    assert own.numeric_edges == profile(task).numeric_edges


def test_with_too_few_panes_it_gathers_while_it_serves_and_adopts_at_30() -> None:
    ((report, told),) = adoptions(usual(promoted=40))
    assert told.labelled == 30 * ROWS
    # the 30th cohort ends after 30 days and is judged two days later: the panes after it are the first ones
    assert START + (TRIED + 32) * DAY < to_micros(report.time) <= START + (TRIED + 33) * DAY


def test_before_that_nothing_of_it_is_judged_by_itself() -> None:
    spec = spec_of()
    watched = story(spec, {"1": old(spec, 60), "2": new(spec, 60)}, tried(40))
    assert adoptions(watched) == []


@pytest.mark.parametrize(
    "commands",
    [
        [command("shadow", TRIED, version="2")],
        [command("shadow", TRIED, version="2"), command("roll_back", 69)],
        [*tried(40), command("roll_back", 50)],
        [command("promote", TRIED, version="2")],
    ],
    ids=["still tried", "given up", "rolled back", "never tried"],
)
def test_a_version_that_did_not_come_to_serve_through_a_trial_adopts_nothing(commands: list[object]) -> None:
    spec = spec_of()
    watched = story(spec, {"1": old(spec, 80), "2": new(spec, 80)}, commands)
    assert adoptions(watched) == []


def test_rolled_back_once_it_has_adopted_it_keeps_what_it_was() -> None:
    spec = spec_of()
    watched = story(spec, {"1": old(spec, 90), "2": new(spec, 90)}, [*tried(70), command("roll_back", 80)])
    assert len(adoptions(watched)) == 1
    assert adopted_by(watched).version == "2"


def test_switched_off_it_is_judged_by_the_old_reference() -> None:
    spec = spec_of(own_reference=False)
    watched = story(spec, {"1": old(spec, 80), "2": new(spec, 80)}, tried(70))
    assert adoptions(watched) == []
    assert watched.state.versions["2"].own is None


def test_a_reference_that_the_monitor_file_names_wins() -> None:
    spec = spec_of(reference={"1": "one.json", "2": "two.json"})
    own = profile().model_copy(update={"version": "2"})
    watched = story(spec, {"1": old(spec, 80), "2": new(spec, 80)}, tried(70), own={"2": own})
    assert adoptions(watched) == []
    assert watched.state.versions["2"].own is None


def test_panes_in_which_data_was_broken_are_not_what_it_was() -> None:
    spec = spec_of()

    def broken(each: LabelledRow) -> None:
        if START + 45 * DAY <= each[0].time < START + 50 * DAY:
            each[0].features[0] = None  # income

    rows = rows_of(spec, "2", [(TRIED, 55, 0.2, SHIFT)], broken)
    watched = story(spec, {"1": old(spec, 85), "2": rows}, tried(80))
    ((_, told),) = adoptions(watched)
    own = adopted_by(watched)
    assert own.counts["traffic"]["quality:income"][0] == 0
    assert told.panes <= 50 - 5


def test_where_people_say_that_the_data_is_right_it_is_what_it_was() -> None:
    spec = spec_of()  # the shift leaves the range of the reference, which is taken for broken data
    rows = {"1": rows_of(spec, "1", [(0, 10, 0.1, 0.0), (10, 90, 0.35, 3.0)])}
    rows["2"] = rows_of(spec, "2", [(TRIED, 70, 0.2, 3.0)])
    assert adoptions(story(spec, rows, tried(70))) == []
    first = next(alert for alert in alerts_of(story(spec, rows, []), "1") if alert.signal == "out_of_range")
    right = command("acknowledge", 80, episode=first.episode, data_is_right=True)
    watched = story(spec, rows, [*tried(70), right])
    ((report, told),) = adoptions(watched)
    assert to_micros(report.time) > START + 80 * DAY
    assert told.rows == told.panes * ROWS
    assert watched.state.versions["2"].broken == []


# what


def test_it_is_counted_from_the_very_rows() -> None:
    spec = spec_of()
    own = adopted_by(usual(promoted=40))
    base = layout_of(spec, profile(), "2")
    end = TRIED + 30
    rows = [each for each in new(spec, 80) if each[0].time < START + end * DAY]
    panes = [pane for pane in panes_of(base, new(spec, 80)) if pane.start < START + end * DAY]
    for family in ("traffic", "cohort"):
        counted = sum(pane.counts for pane in panes if pane.key.family == family)
        found = np.concatenate([own.counts[family][name] for name in base.families[family].sections])
        assert found.tolist() == np.asarray(counted).tolist()
    layout = Layout("m", "2", spec, own)
    assert layout.fingerprint == base.fingerprint
    assert own.sample == _sample(layout, rows)  # 1,800 rows: all of them
    assert own.tails == tails_of(layout, [row for row, _ in rows])
    vectors = {f: [p.counts for p in panes if p.key.family == f] for f in ("traffic", "cohort", "label")}
    dispersion, _ = dispersions(layout, vectors)
    of_labels = ("outcome", "label", "rating", "acceptance", "correction", "override", "complaint")
    same = {name: phi for name, phi in dispersion.items() if not name.startswith(of_labels)}
    assert same.items() <= own.dispersion.items()


def test_a_restart_at_any_pane_changes_nothing() -> None:
    plain, restarted = usual(promoted=40), usual(promoted=40, restart=3)
    assert [one.model_dump_json() for one in plain.outputs] == [one.model_dump_json() for one in restarted.outputs]
    assert encode(plain.state) == encode(restarted.state)


def test_nothing_is_kept_of_the_trial_once_it_is_adopted_and_little_before() -> None:
    spec = spec_of()
    before = story(spec, {"1": old(spec, 69), "2": new(spec, 69)}, tried(70))
    gathering = before.state.versions["2"].own
    assert len(encode(gathering)) < 150_000
    assert len(encode(usual().state.versions["2"].own)) < 30_000
    assert usual().state.versions["1"].own is None


def test_to_the_cost_policy_it_makes_no_difference() -> None:
    spec = spec_of(own_reference=False)
    without = story(spec, {"1": old(spec, 80), "2": new(spec, 80)}, tried(70))

    def state_of(watched: Watched) -> CostState:
        ((_, state),) = watched.state.policy.versions["2"].nodes.values()
        assert isinstance(state, CostState)
        return state

    assert adoptions(usual())
    assert state_of(usual()).champion.burnt_in
    assert encode(state_of(usual())) == encode(state_of(without))


# what people hear


def test_what_the_old_version_suffers_is_not_told_again_of_the_new_one() -> None:
    watched = usual()
    assert {alert.signal for alert in alerts_of(watched, "1") if alert.severity == "alarm"} == {"error_rate"}
    assert alerts_of(watched, "2") == []
    joined = silent(watched, "2")
    assert ("feature_drift", "income", "1") in joined
    assert ("error_rate", None, "1") in joined


def test_what_the_old_version_does_not_suffer_is_told() -> None:
    spec = spec_of()

    def without_region(each: LabelledRow) -> None:
        each[0].features[1] = None

    rows = rows_of(spec, "2", [(TRIED, 50, 0.2, SHIFT)], without_region)
    watched = story(spec, {"1": old(spec, 80), "2": rows}, [command("shadow", TRIED, version="2")])
    told = alerts_of(watched, "2")
    assert {(alert.signal, alert.feature) for alert in told if alert.tier == "quality"} == {("missing", "region")}
    assert not any(alert.feature == "income" for alert in told)


def test_a_rise_of_its_own_beyond_what_the_old_version_suffers_is_told() -> None:
    spec = spec_of()
    rows = rows_of(spec, "2", [(TRIED, 20, 0.2, SHIFT), (TRIED + 20, 30, 0.7, SHIFT)])
    watched = story(spec, {"1": old(spec, 80), "2": rows}, [command("shadow", TRIED, version="2")])
    told = [alert for alert in alerts_of(watched, "2") if alert.signal == "error_rate"]
    assert told
    assert all(to_micros(alert.since) >= START + (TRIED + 15) * DAY for alert in told)


def test_a_later_rise_is_found_against_what_it_was_itself() -> None:
    spec = spec_of()
    rows = rows_of(spec, "2", [(TRIED, 50, 0.2, SHIFT), (80, 30, 0.32, SHIFT)])
    watched = story(spec, {"1": old(spec, 110), "2": rows}, tried(70))
    ((_, own),) = adoptions(watched)
    alarms = [alert for alert in alerts_of(watched, "2") if alert.severity == "alarm" and alert.signal == "error_rate"]
    assert alarms  # though version 1 errs on as many: its alarm is open, and of another change
    assert alarms[0].reference == pytest.approx(own.loss)
    assert to_micros(alarms[0].since) >= START + 75 * DAY


def test_what_is_open_by_the_old_reference_ends_and_says_why() -> None:
    spec = spec_of()

    def slow(each: LabelledRow) -> None:
        each[0].latency_ms = 1_000.0

    rows = rows_of(spec, "2", [(TRIED, 50, 0.2, SHIFT)], slow)
    watched = story(spec, {"1": old(spec, 80), "2": rows}, tried(70))
    first, last = alerts_of(watched, "2")
    assert (first.signal, first.severity) == ("latency", "notice")  # in shadow nobody waits for it
    assert (last.signal, last.severity, last.episode) == ("latency", "recovered", first.episode)
    assert "held from now on against what it was itself" in last.summary
    assert not watched.state.versions["2"].incidents
    assert not any(key[0] == "latency" for key in watched.state.versions["2"].episodes)


def test_from_the_pane_of_its_adoption_on_every_reading_has_its_own_reference() -> None:
    watched = usual()
    ((report, told),) = adoptions(watched)
    cohorts = [
        one
        for one in watched.outputs
        if isinstance(one, PaneReport) and one.version == "2" and one.pane.family == "cohort"
    ]
    for each in cohorts:
        (loss,) = [r for r in each.readings if (r.signal, r.segment) == ("error_rate", None)]
        own = each.time >= report.time
        assert (loss.reference == pytest.approx(told.loss)) == own


def test_the_next_version_is_judged_by_the_reference_of_the_one_that_it_is_tried_beside() -> None:
    spec = spec_of()
    third = rows_of(spec, "3", [(90, 40, 0.2, SHIFT)])
    watched = story(spec, {"1": old(spec, 130), "2": new(spec, 130), "3": third}, [*tried(70), *tried(125, "3", 90)])
    first, second = adoptions(watched)
    assert (first[0].version, second[0].version) == ("2", "3")
    assert to_micros(second[1].start) == START + 90 * DAY
    assert alerts_of(watched, "3") == []  # by the reference of version 1 all of it would have drifted
    assert silent(watched, "3") == set()
