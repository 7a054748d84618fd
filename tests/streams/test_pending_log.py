"""The logs of pending rows, as they are opened: one for each time to live, and no others."""

from pathlib import Path

from streams.pending_log import lifetime_of
from streams.store import Store, Table

from .join_oracle import tiny
from .world import HOUR, MODEL, OTHER, T0, feedback, layouts_of, log_of, open_source, prediction, spec_of

BOTH = spec_of(m=MODEL, r=OTHER)
LEFT = spec_of(r=OTHER)


def logs_in(store: Store) -> dict[Table, set[int]]:
    """Return the lifetimes of the logs that have a block in the store, or of which it knows where they begin."""
    tables: list[Table] = ["rows", "labels"]
    return {
        table: {int.from_bytes(key[:8], "big") for key in store.keys(table)}
        | {int.from_bytes(key[-8:], "big") for key in store.keys("meta", table.encode())}
        for table in tables
    }


def test_a_log_whose_models_are_all_gone_from_the_monitor_file_leaves_the_store(tmp_path: Path) -> None:
    m, r = (lifetime_of(BOTH.models[name], BOTH) for name in "mr")
    assert m != r
    source = open_source(BOTH, layouts_of(BOTH), tmp_path)
    with tiny(2, 4):
        for n in range(60):
            source.process("predictions", log_of([prediction(f"p{n}", T0 + n * HOUR, "mr"[n % 2])], start=n))
            source.process("feedback", log_of([feedback(f"p{n}", T0 + n * HOUR)], start=n))
            source.checkpoint()
    assert logs_in(source._store) == {"rows": {m, r}, "labels": {m, r}}
    assert len(source._store.keys("meta", b"rows")) == 2, "the oldest rows of both were dropped"
    held = len(source._join.logs[0].rows)
    source.close()
    for _ in range(2):  # the second time, nothing of it is left to be dropped
        source = open_source(LEFT, layouts_of(LEFT), tmp_path)
        assert [log.lifetime for log in source._join.logs] == [r]
        source.process("feedback", log_of([feedback("p59", T0 + 60 * HOUR)], start=source.position["feedback"] or 0))
        source.checkpoint()
        assert logs_in(source._store) == {"rows": {r}, "labels": {r}}
        assert len(source._join.logs[0].rows) == held
        source.close()


def test_a_log_that_loses_one_of_its_models_stays(tmp_path: Path) -> None:
    spec = spec_of(r=OTHER, other=OTHER)
    source = open_source(spec, layouts_of(spec), tmp_path)
    source.process("predictions", log_of([prediction("a", T0, "r"), prediction("b", T0, "other", task="regression")]))
    source.checkpoint()
    source.close()
    source = open_source(LEFT, layouts_of(LEFT), tmp_path)
    source.process("feedback", log_of([feedback("a", T0 + 1, value=1.0)]))
    source.checkpoint()
    assert logs_in(source._store)["rows"] == {lifetime_of(LEFT.models["r"], LEFT)}
    assert source.counts()["feedback"]["summarised"] == 1
    source.close()
