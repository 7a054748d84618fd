"""The local store: what is committed is there, what is not is gone, and reads see all that was put."""

import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams import store as store_module
from streams.store import Store, Table

ALL: list[Table] = ["rows", "labels", "feedback", "panes", "outbox", "meta"]


def reopened(store: Store, path: Path) -> Store:
    store.close()
    return Store(path)


def test_what_was_committed_is_there_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for table in ALL:
        store.put(table, b"k", table.encode())
    store.commit()
    store = reopened(store, tmp_path)
    assert [store.get(table, b"k") for table in ALL] == [table.encode() for table in ALL]
    assert [list(store.items(table)) for table in ALL] == [[(b"k", table.encode())] for table in ALL]


def test_what_was_not_committed_is_gone_all_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("meta", b"k", b"before")
    store.commit()
    for table in ALL:
        store.put(table, b"k", b"after")
    store.put("panes", b"other", None)
    assert [store.get(table, b"k") for table in ALL] == [b"after"] * 6, "seen by reads"
    store = reopened(store, tmp_path)
    assert [store.get(table, b"k") for table in ALL] == [None] * 5 + [b"before"]


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from streams.store import Store
store = Store(Path(sys.argv[2]))
store.put("meta", b"partition", b"committed")
store.commit()
store.put("meta", b"partition", b"sealed, not written")
store.seal()
store.put("meta", b"partition", b"not committed")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_the_last_commit(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", KILLED, str(root), str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert Store(tmp_path).get("meta", b"partition") == b"committed"


def test_reads_see_what_is_gathered_then_what_is_sealed_then_what_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for value in (b"written", b"sealed", b"gathered"):
        store.put("rows", b"a", value)
        if value == b"gathered":
            break
        store.put("rows", value, value)
        changes = store.seal()
        if value == b"written":
            store.write(changes)
    assert store.get("rows", b"a") == b"gathered"
    assert (store.get("rows", b"sealed"), store.get("rows", b"written")) == (b"sealed", b"written")
    assert list(store.items("rows")) == [(b"a", b"written"), (b"written", b"written")], "what was committed"
    store.write(changes)
    assert store.get("rows", b"a") == b"gathered", "it is in the next transaction"
    assert (b"a", b"sealed") in list(store.items("rows"))
    store = reopened(store, tmp_path)
    assert store.get("rows", b"a") == b"sealed"


def test_what_was_removed_is_not_seen_though_it_is_still_on_disk(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("rows", b"a", b"1")
    store.commit()
    store.put("rows", b"a", None)
    store.put("rows", b"was never there", None)
    assert store.get("rows", b"a") is None
    changes = store.seal()
    assert store.get("rows", b"a") is None, "sealed"
    store.put("rows", b"a", b"2")
    assert store.get("rows", b"a") == b"2", "put again since"
    store.write(changes)
    assert list(store.items("rows")) == []
    assert store.get("rows", b"a") == b"2"
    store.commit()
    assert list(store.items("rows")) == [(b"a", b"2")]


def test_sealed_changes_are_written_by_another_thread_while_this_one_goes_on(tmp_path: Path) -> None:
    store, failures = Store(tmp_path, durable=False), list[object]()
    for turn in range(60):
        for number in range(40):
            store.put("rows", b"%d" % number, b"%d" % turn)
        changes = store.seal()
        writer = threading.Thread(target=store.write, args=(changes,))
        writer.start()
        while True:
            running = writer.is_alive()
            failures += [one for n in range(40) if (one := store.get("rows", b"%d" % n)) != b"%d" % turn]
            store.put("meta", b"turn", b"%d" % turn)
            list(store.items("panes"))
            if not running:
                break
        writer.join()
    assert failures == []
    assert store.get("meta", b"turn") == b"59"
    store = reopened(store, tmp_path)
    assert (store.get("rows", b"7"), store.get("meta", b"turn")) == (b"59", b"58"), "the last one was not sealed"


def test_a_commit_is_all_or_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("rows", b"a", b"1")
    store.put("rows", b"k" * 2_000, b"a key that is too long")
    with pytest.raises(Exception, match="MDB_BAD_VALSIZE"):
        store.commit()
    store = reopened(store, tmp_path)
    assert list(store.items("rows")) == []


def test_items_are_in_the_order_of_their_keys_and_only_those_of_the_prefix(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in (300, 2, 70_000):
        for prefix in (b"", b"a", b"b", b"\xff"):
            store.put("outbox", prefix + number.to_bytes(8, "big"), b"%d" % number)
    store.commit()
    for prefix in (b"a", b"b", b"\xff"):
        found = [(int.from_bytes(key[1:], "big"), value) for key, value in store.items("outbox", prefix)]
        assert found == [(2, b"2"), (300, b"300"), (70_000, b"70000")]
    assert len(list(store.items("outbox"))) == 12
    assert list(store.items("outbox", b"c")) == []
    assert list(store.items("outbox", b"\xff\xff")) == []


def test_cleared_it_holds_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for table in ALL:
        store.put(table, b"k", b"v")
    store.commit()
    store.put("rows", b"k", b"sealed")
    store.seal()
    store.put("rows", b"new", b"v")
    store.clear()
    assert [list(store.items(table)) for table in ALL] == [[]] * 6
    assert [store.get("rows", key) for key in (b"k", b"new")] == [None, None]
    store.commit()
    assert [list(reopened(store, tmp_path).items("rows"))] == [[]]


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "remove", "seal", "write", "reopen"]),
            st.sampled_from([b"a", b"b", b"ab"]),
            st.binary(max_size=3),
        ),
        max_size=40,
    )
)
def test_it_is_a_dict_that_forgets_what_was_not_written(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bytes, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("store")
    store = Store(path, durable=False)
    seen: dict[bytes, bytes] = {}
    sealed: dict[bytes, bytes] | None = None
    written: dict[bytes, bytes] = {}
    for what, key, value in steps:
        if what == "put":
            store.put("rows", key, value)
            seen[key] = value
        elif what == "remove":
            store.put("rows", key, None)
            seen.pop(key, None)
        elif what == "seal" and sealed is None:
            changes, sealed = store.seal(), dict(seen)
        elif what == "write" and sealed is not None:
            store.write(changes)
            written, sealed = sealed, None
        elif what == "reopen":
            store.close()
            store, seen, sealed = Store(path, durable=False), dict(written), None
        assert {key: one for key in (b"a", b"b", b"ab") if (one := store.get("rows", key)) is not None} == seen
        assert dict(store.items("rows")) == written
    store.close()


def test_what_was_read_is_let_go_of_between_two_transactions_and_nothing_else_is(tmp_path: Path) -> None:
    with patch.object(store_module, "MOST_READ", 10):
        store = Store(tmp_path, durable=False)
        for turn in range(20):
            key, value = b"%d" % turn, b"%d" % turn * 20
            store.put("rows", key, value)
            before = store._environment
            changes = store.seal()
            assert (store._environment is before) == (turn == 0), "before the first transaction nothing was read"
            assert store.get("rows", key) == value
            store.write(changes)
            assert [len(found) for _, found in store.items("rows")] == [20 * len(key) for key, _ in store.items("rows")]
            assert store.get("rows", key) == value


def test_what_is_read_between_two_transactions_is_let_go_of_unless_the_map_is_in_use(tmp_path: Path) -> None:
    with patch.object(store_module, "MOST_READ", 50):
        store = Store(tmp_path, durable=False)
        for key in (b"a", b"b", b"c"):
            store.put("rows", key, key * 20)
        store.commit()
        store.get("rows", b"a")  # what was written counts, too
        store.get("rows", b"b")
        store.get("rows", b"c")
        before = store._environment
        assert store.get("rows", b"a") == b"a" * 20
        assert store._environment is not before
        before = store._environment
        found = []
        for key, value in store.items("rows"):
            found.append((key, value, store.get("rows", b"a")))
            assert store._environment is before, "it is being read"
        assert found == [(key, key * 20, b"a" * 20) for key in (b"a", b"b", b"c")]
        store.put("meta", b"k", b"v")
        changes = store.seal()
        before = store._environment
        for _ in range(9):
            assert store.get("rows", b"c") == b"c" * 20
        assert store._environment is before, "another thread may be writing"
        store.write(changes)
        assert store.get("rows", b"c") == b"c" * 20
        assert store._environment is not before


def test_nothing_to_write_needs_no_transaction(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    store.write({})


ROWS, SIZE = 100, 400_000
READING = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from streams.store import Store

def mapped():
    return int(Path("/proc/self/status").read_text().split("RssFile:")[1].split()[0])

store = Store(Path(sys.argv[2]), durable=False)
before = most = mapped()
for number in range(int(sys.argv[3])):
    store.get("rows", b"%d" % number)
    most = max(most, mapped())
print(most - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_pane_that_reads_many_rows_does_not_keep_them_all_mapped(tmp_path: Path) -> None:
    store = Store(tmp_path, durable=False)
    for number in range(ROWS):
        store.put("rows", b"%d" % number, bytes(SIZE))
    store.commit()
    store.close()
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", READING, str(root), str(tmp_path), str(ROWS)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(told.stdout) < 15_000, "kB, of 40,000"
