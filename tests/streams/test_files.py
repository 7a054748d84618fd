"""The monitor file and reference profiles: what is read, and how problems are worded."""

from pathlib import Path
from typing import Any

import pytest

from schemas.event_time import from_micros, parse_duration
from schemas.profile import ReferenceProfile
from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.files import DURATIONS, load_layouts, load_profile, load_spec, resolve, save_profile

EXAMPLES = Path(__file__).parents[2] / "examples"

MONITOR = """\
models:
  credit:
    task: binary
    positive_label: "1"
    features: {income: numeric, region: categorical}
    pane: 1d
    label_horizon: 30d
    false_alarms: 1 per 90d
    reference: credit.profile.json
"""


def monitor(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "monitor.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str) -> list[str]:
    path = monitor(tmp_path, text)
    with pytest.raises(UserError) as raised:
        load_spec(path)
    message = str(raised.value)
    assert "pydantic" not in message
    assert "Traceback" not in message
    lines = message.splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    model = load_spec(monitor(tmp_path, MONITOR)).models["credit"]
    assert model.features["income"].type == "numeric"
    assert model.pane == parse_duration("1d")


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*/monitor.yaml")), ids=lambda path: path.parent.name)
def test_every_example_is_a_valid_monitor_file(example: Path) -> None:
    spec = load_spec(example)
    assert spec.files is not None
    assert spec.files.predictions
    assert spec.files.reference
    for table in (*spec.files.reference, *spec.files.predictions, *spec.files.feedback):
        assert resolve(example.parent, table.path).is_file()


def test_a_wrong_word_is_shown_with_its_path_and_all_that_is_allowed(tmp_path: Path) -> None:
    assert problems(tmp_path, MONITOR.replace("income: numeric", "income: number")) == [
        "models.credit.features.income.type: 'number' is not one of numeric, categorical, boolean, text, datetime"
    ]


def test_every_problem_has_a_line_of_its_own(tmp_path: Path) -> None:
    text = MONITOR.replace("pane: 1d", "pane: 1x").replace("task: binary", "task: ranking").replace("1 per 90d", "few")
    assert [line.split(":")[0] for line in problems(tmp_path, text)] == [
        "models.credit.task",
        "models.credit.pane",
        "models.credit.false_alarms",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "    segment: [region]",
            "models.credit: unknown key 'segment' (did you mean 'segments'?); keys here are task, ",
        ),
        ("    Segments: [region]", "models.credit: unknown key 'Segments' (did you mean 'segments'?)"),
        ("    zzzz: 1", "models.credit: unknown key 'zzzz'; keys here are task, "),
        ("    weights: {performance: 2}", "models.credit.weights.performance: 2 is not at most 1"),
        ("    costs: {loss: -1}", "models.credit.costs.loss: -1 is not at least 0"),
        ("    costs: {loss: dear}", "models.credit.costs.loss: 'dear' is not a number"),
        ("    challenger: maybe", "models.credit.challenger: 'maybe' is not true or false"),
        ("    segments: region", "models.credit.segments: 'region' is not a list"),
        ("    segments: [income]", "models.credit: segment 'income' is numeric; a segment is categorical or boolean"),
        ("    sample: 1.5", "models.credit.sample: 1.5 is not a whole number"),
        ("    lateness:", "models.credit.lateness: an empty value is not a duration"),
        (
            "    retraining: {policies: [{type: perf}]}",
            "models.credit.retraining.policies[0].type: 'perf' is not one of cost, performance, drift, schedule, any",
        ),
        (
            "    retraining: {policies: [{typ: drift}]}",
            "models.credit.retraining.policies[0]: 'type' is missing; it is one of cost, performance, drift, schedule",
        ),
        (
            "    retraining: {policies: [{type: drift, feature: 1}]}",
            "models.credit.retraining.policies[0]: unknown key 'feature' (did you mean 'features'?)",
        ),
        (
            "    retraining: {policies: [{type: schedule, cron: often}]}",
            "models.credit.retraining.policies[0].cron: 'often' is not a cron expression",
        ),
        (
            "    retraining: {policies: [{type: schedule, cron: '0 0 3 * * 1'}]}",
            "models.credit.retraining.policies[0].cron: '0 0 3 * * 1' has 6 fields; a cron expression such as "
            "'0 3 * * 1' has five",
        ),
        (
            "    detectors: [adwin, ddn]",
            "models.credit.detectors[1].type: 'ddn' is not one of adwin, kswin, page_hinkley, ddm, eddm, fhddm, ",
        ),
        ("    detectors: [{type: adwin, delta: 2}]", "models.credit.detectors[0].delta: 2 is not below 1"),
        (
            "    detectors: [{type: page_hinkley, treshold: 2}]",
            "models.credit.detectors[0]: unknown key 'treshold' (did you mean 'threshold'?); keys here are type, ",
        ),
        ("    detectors: [{delta: 0.1}]", "models.credit.detectors[0]: 'type' is missing; it is one of adwin, kswin, "),
        ("    detectors: adwin", "models.credit.detectors: 'adwin' is not a list"),
        ("    detectors: [ddm, ddm]", "models.credit.detectors: 'ddm' is there twice"),
        (
            "    detectors: [{type: kswin, window_size: 9}]",
            "models.credit.detectors[0]: window_size 9 is less than twice stat_size 100",
        ),
        ("files: {predictions: {path: a.csv}}", "files.predictions: 'columns' is missing"),
        (
            "files: {predictions: [{path: 3, columns: {}}]}",
            "files.predictions[0].path: 3 is a number where text belongs",
        ),
        (
            "    minimum_effect: {absolute_error: 5}",
            "models.credit: minimum_effect.absolute_error does nothing for a binary model; give one of error_rate, ",
        ),
        (
            "files: {predictions: {path: a.csv, columns: {prediction_id: id, timestamp: t, value: v}}}",
            "files.predictions.columns: a binary model answers with label or score; name its column",
        ),
        ("kafka: here", "kafka: 'here' is not a mapping of keys to values"),
    ],
)
def test_a_problem_says_where_it_is_what_was_found_and_what_is_allowed(
    tmp_path: Path, line: str, expected: str
) -> None:
    assert problems(tmp_path, MONITOR + line + "\n")[0].startswith(expected)


def test_a_detector_that_the_task_cannot_serve_is_refused_with_those_that_it_can(tmp_path: Path) -> None:
    text = MONITOR.replace("task: binary", "task: regression").replace('    positive_label: "1"\n', "")
    assert problems(tmp_path, text + "    detectors: [adwin, hddm_a]\n") == [
        "models.credit.detectors: 'hddm_a' asks for right or wrong, and a regression model may have adwin, kswin, "
        "page_hinkley"
    ]


def test_an_empty_value_is_called_so(tmp_path: Path) -> None:
    found = problems(tmp_path, MONITOR.replace("reference: credit.profile.json", "reference:"))
    assert found == ["models.credit.reference: an empty value is not text or a mapping of keys to values"]


def test_a_union_complains_of_the_form_that_was_meant(tmp_path: Path) -> None:
    found = problems(tmp_path, MONITOR.replace("reference: credit.profile.json", "reference: {v1: 3}"))
    assert found == ["models.credit.reference.v1: 3 is a number where text belongs; put it in quotes: '3'"]


def test_a_range_with_a_wrong_key_beside_it_is_told_of_range(tmp_path: Path) -> None:
    found = problems(tmp_path, MONITOR.replace("income: numeric", "income: {type: numeric, rang: [0, 1]}"))
    assert "(did you mean 'range'?)" in found[0]


def test_a_key_that_stands_twice_is_named_with_its_line(tmp_path: Path) -> None:
    assert problems(tmp_path, MONITOR + "    pane: 2d\n") == [
        "line 10: the key 'pane' stands here a second time; first in line 6"
    ]


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "No", "NO", "n", "010", "1_0", "2026-01-31", "1:30"])
def test_labels_that_old_yaml_would_turn_into_something_else_stay_as_written(tmp_path: Path, word: str) -> None:
    text = MONITOR.replace('positive_label: "1"', f"positive_label: {word}\n    classes: [{word}, other]")
    model = load_spec(monitor(tmp_path, text)).models["credit"]
    assert model.positive_label == word
    assert model.classes == [word, "other"]


@pytest.mark.parametrize(("word", "label"), [("true", "true"), ("1", "1"), ("1.0", "1"), ("-1", "-1"), ("0.5", "0.5")])
def test_labels_that_are_numbers_and_booleans_are_compared_as_text(tmp_path: Path, word: str, label: str) -> None:
    text = MONITOR.replace('positive_label: "1"', f"positive_label: {word}")
    assert load_spec(monitor(tmp_path, text)).models["credit"].positive_label == label


def test_yes_and_no_still_switch_things(tmp_path: Path) -> None:
    assert load_spec(monitor(tmp_path, MONITOR + "    challenger: no\n")).models["credit"].challenger is False


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    text = MONITOR.replace("  credit:", "  credit: &credit") + "  other:\n    <<: *credit\n    pane: 2d\n"
    spec = load_spec(monitor(tmp_path, text))
    assert spec.models["other"].pane == parse_duration("2d")
    assert spec.models["other"].label_horizon == spec.models["credit"].label_horizon


def test_a_length_of_time_without_a_unit_is_refused_once(tmp_path: Path) -> None:
    found = problems(tmp_path, MONITOR + "    lateness: 3600\n")
    assert found == ["models.credit.lateness: 3600 has no unit; write for example 30s, 15m, 1h or 7d"]


@pytest.mark.parametrize(("key", "number"), [("pane", 24), ("label_horizon", 7)])
def test_nothing_is_said_of_a_block_that_goes_by_a_number_without_a_unit(tmp_path: Path, key: str, number: int) -> None:
    text = MONITOR.replace("label_horizon: 30d", "label_horizon: 30d\n    label_maturity: 1d")
    written = "1d\n" if key == "pane" else "30d\n"
    found = problems(tmp_path, text.replace(f"    {key}: {written}", f"    {key}: {number}\n"))
    assert found == [f"models.credit.{key}: {number} has no unit; write for example 30s, 15m, 1h or 7d"]


def test_feedback_without_any_time_is_told_so(tmp_path: Path) -> None:
    files = "files:\n  feedback: {path: f.csv, columns: {prediction_id: id, label: said%s}%s}\n"
    (neither,) = problems(tmp_path, MONITOR + files % ("", ""))
    assert neither.endswith("columns.timestamp or delay says when it became known, and neither is given; give one")
    (both,) = problems(tmp_path, MONITOR + files % (", timestamp: at", ", delay: 1d"))
    assert both.endswith("give either columns.timestamp or delay, and not both")


def test_every_length_of_time_in_the_contract_needs_a_unit() -> None:
    schema = MonitorSpec.model_json_schema()

    def durations(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(durations, node))
        if not isinstance(node, dict):
            return set()
        found = {name for name, part in node.get("properties", {}).items() if "(ms|s|m|h|d|w)" in str(part)}
        return found.union(*map(durations, node.values()))

    assert durations(schema) == DURATIONS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("just words\n", "not a monitor file"),
        ("- a\n- b\n", "not a monitor file"),
        ("models: [1\n", "line 2, column 1: not YAML"),
        ("models:\n\tcredit: 1\n", "line 2, column 1: not YAML"),
        ("models: !!python/object:os.system {}\n", "line 1, column 9: not YAML"),
        ("models: {}\n", "models: name at least one model"),
        ("kafka: {}\n", "'models' is missing"),
    ],
)
def test_what_is_no_monitor_file_is_said_to_be_none(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text)[0].startswith(expected)


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; write one with: streamgauge init"):
        load_spec(tmp_path / "monitor.yaml")


def test_a_directory_and_a_file_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a directory"):
        load_spec(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="not a text file"):
        load_spec(tmp_path / "binary.yaml")


def profile() -> ReferenceProfile:
    return ReferenceProfile(
        model="credit",
        start=from_micros(0),
        end=from_micros(86_400_000_000),
        pane=parse_duration("1d"),
        panes=1,
        rows=3,
        labelled=2,
        numeric_edges={"income": [0.1, 0.30000000000000004]},
        ranges={"income": (0.1, 1e300)},
        counts={"traffic": {"n": [3]}, "cohort": {"n": [2]}},
        dispersion={"loss": 1.25},
    )


def test_a_profile_comes_back_as_it_was_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    path = tmp_path / "credit.profile.json"
    save_profile(profile(), path)
    first = path.read_bytes()
    assert load_profile(path) == profile()
    save_profile(load_profile(path), path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_profile_says_what_builds_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file; build it with: streamgauge reference MONITOR"):
        load_profile(tmp_path / "credit.profile.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}'])
def test_a_damaged_profile_says_what_builds_it_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credit.profile.json"
    path.write_text(text)
    with pytest.raises(UserError, match="build it with: streamgauge reference") as raised:
        load_profile(path)
    assert "pydantic" not in str(raised.value)


MULTICLASS: dict[str, Any] = {
    "task": "multiclass",
    "features": {"income": "numeric"},
    "pane": "1d",
    "label_horizon": "30d",
    "false_alarms": "1 per 90d",
    "reference": "credit.profile.json",
}


@pytest.mark.parametrize(
    ("named", "seen", "counted", "problem"),
    [
        (["a", "b", "c"], ["a", "b", "c"], 3, None),
        (["a", "b", "c", "d"], ["a", "b", "c"], 4, None),  # one that is declared may never have come
        (None, ["a", "b", "c"], 3, None),
        (["a", "b"], ["a", "b", "c"], 3, "made with classes a, b, c, and models.credit.classes is a, b now"),
        (["a", "b", "x"], ["a", "b", "c"], 3, "made with classes a, b, c, and models.credit.classes is a, b, x now"),
        (["a", "b", "c", "d"], ["a", "b", "c"], 3, "and models.credit.classes is a, b, c, d now; build it again with:"),
        (None, ["a", "b", "c"], 4, r"a, b, c \(4 were named\), and models.credit.classes is not given now"),
    ],
)
def test_a_profile_that_counts_other_classes_is_refused_with_both_lists(
    tmp_path: Path, named: list[str] | None, seen: list[str], counted: int, problem: str | None
) -> None:
    counts = {"traffic": {"n": [3], "classes": [0] * (counted + 1)}}
    save_profile(profile().model_copy(update={"classes": seen, "counts": counts}), tmp_path / "credit.profile.json")
    spec = MonitorSpec.model_validate({"models": {"credit": MULTICLASS | {"classes": named}}})
    if problem is None:
        assert load_layouts(spec, tmp_path).classes("credit") == set(named or seen)
        return
    with pytest.raises(UserError, match=problem):
        load_layouts(spec, tmp_path)
