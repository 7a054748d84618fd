"""The local store: what is committed is there, what is not is gone, and nothing else."""

import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.row import Label, Row
from streams.store import Store, StoredFeedback, StoredRow, id_key

ROW = StoredRow("m", "1", 7, Row(5, "a", [1.5, None, "x", True, 2**62], label="1", score=0.5), Label(6, "0"))
FEEDBACK = StoredFeedback(9, "user", None, "2", Label(8, rating=0.5), settled=True)


def everything(store: Store) -> tuple[object, ...]:
    return (
        store.rows(b"k"), store.feedback(b"k"), list(store.panes()), list(store.outbox()), store.meta("partition"),
        list(store.overdue("row_queue", 10**18)), list(store.overdue("feedback_queue", 10**18)),
    )  # fmt: skip


def fill(store: Store) -> None:
    store.put_rows(b"k", [ROW])
    store.put_feedback(b"k", [FEEDBACK])
    store.put_pane(b"p", b"pane")
    store.put_outgoing(3, b"out")
    store.put_meta("partition", b"meta")
    store.queue("row_queue", 5, b"k")
    store.queue("feedback_queue", 6, b"k")


FILLED = ([ROW], [FEEDBACK], [(b"p", b"pane")], [(3, b"out")], b"meta", [(5, b"k")], [(6, b"k")])
EMPTY = ([], [], [], [], None, [], [])


def test_what_was_committed_is_there_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store)
    store.commit()
    store.close()
    store = Store(tmp_path)
    assert everything(store) == FILLED


def test_what_was_not_committed_is_gone_all_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store)
    assert store.rows(b"k") == [ROW], "seen by the open transaction"
    store.close()
    store = Store(tmp_path)
    assert everything(store) == EMPTY


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from streams.store import Store
store = Store(Path(sys.argv[2]))
store.put_meta("partition", b"committed")
store.commit()
store.put_meta("partition", b"not committed")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_the_last_commit(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", KILLED, str(root), str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert Store(tmp_path).meta("partition") == b"committed"


def test_nothing_is_kept_of_an_empty_list(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store)
    store.put_rows(b"k", [])
    store.put_feedback(b"k", [])
    store.put_pane(b"p", None)
    store.put_outgoing(3, None)
    store.put_pane(b"was never there", None)
    assert everything(store)[:4] == EMPTY[:4]


def test_a_queue_yields_what_is_overdue_in_order_and_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for time, key in [(5, b"b"), (-3, b"a"), (5, b"a"), (5, b"a"), (9, b"c")]:
        store.queue("row_queue", time, key)
    assert list(store.overdue("row_queue", -3)) == [], "what is due at the moment itself is not overdue"
    assert list(store.overdue("row_queue", 6)) == [(-3, b"a"), (5, b"a"), (5, b"b")]
    assert list(store.overdue("row_queue", 6)) == []
    assert list(store.overdue("feedback_queue", 10)) == []
    assert list(store.overdue("row_queue", 10)) == [(9, b"c")]


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(-(2**62), 2**62), st.binary(min_size=16, max_size=16))), st.integers(-(2**63), 2**62)
)
def test_a_queue_sorts_any_times(tmp_path_factory: object, entries: list[tuple[int, bytes]], before: int) -> None:
    store = Store(tmp_path_factory.mktemp("store"), durable=False)  # type: ignore[attr-defined]
    for time, key in entries:
        store.queue("row_queue", time, key)
    assert list(store.overdue("row_queue", before)) == sorted({entry for entry in entries if entry[0] < before})
    store.close()


def test_a_queue_may_be_added_to_while_it_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.queue("row_queue", 1, b"a")
    found = []
    for time, key in store.overdue("row_queue", 10):
        found.append((time, key))
        if len(found) < 4:
            store.queue("row_queue", time + 1, key)
            store.put_rows(key, [ROW])
    assert found == [(1, b"a"), (2, b"a"), (3, b"a"), (4, b"a")]


def test_the_outbox_is_in_order_of_its_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in (300, 2, 70_000):
        store.put_outgoing(number, b"%d" % number)
    assert list(store.outbox()) == [(2, b"2"), (300, b"300"), (70_000, b"70000")]


def test_ids_of_any_length_and_text_have_keys_of_one_size_and_two_key_spaces() -> None:
    ids = ["a", "b", "", "ä" * 512, "\ud800", "x\x00"]
    keys = {id_key(id, own) for id in ids for own in (False, True)}
    assert len(keys) == 2 * len(ids)
    assert {len(key) for key in keys} == {16}
