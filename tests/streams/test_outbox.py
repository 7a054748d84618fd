"""What a source partition has to send, until it is durable elsewhere."""

from pathlib import Path

from streams.outbox import Outbox
from streams.records import ALL_PARTITIONS, Outgoing
from streams.store import Store

A = Outgoing("dead_letters", b"k", b"v", [("h", b"x")])
B = Outgoing("summaries", b"", b"w", partition=ALL_PARTITIONS)
C = Outgoing("progress", b"0", None, partition=3)


def reopened(path: Path, store: Store) -> tuple[Store, Outbox]:
    store.close()
    store = Store(path)
    return store, Outbox(store)


def test_what_was_saved_is_sent_again_after_a_restart_in_order_and_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outbox = Outbox(store)
    for one in (A, B, C):
        outbox.put(one)
    outbox.save()
    store.commit()
    _, outbox = reopened(tmp_path, store)
    again = outbox.sending()
    assert [(o.destination, o.key, o.value, [*o.headers], o.partition) for o in again] == [
        (o.destination, o.key, o.value, [*o.headers], o.partition) for o in (A, B, C)
    ]


def test_only_what_was_returned_for_sending_is_taken_out(tmp_path: Path) -> None:
    outbox = Outbox(Store(tmp_path))
    outbox.put(A)
    assert outbox.sending() == [], "not before it is saved"
    outbox.save()
    assert outbox.sending() == [A]
    outbox.put(B)
    outbox.save()
    outbox.put(C)
    outbox.sent()
    assert outbox.sending() == [B], "C is in the next transaction"
    outbox.sent()
    outbox.sent()
    assert outbox.sending() == []


def test_what_comes_after_a_restart_is_sent_after_what_waited(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outbox = Outbox(store)
    for one in (A, B):
        outbox.put(one)
    outbox.save()
    store.commit()
    store, outbox = reopened(tmp_path, store)
    outbox.put(C)
    outbox.save()
    store.commit()
    _, outbox = reopened(tmp_path, store)
    assert [one.destination for one in outbox.sending()] == ["dead_letters", "summaries", "progress"]


def test_what_was_sent_is_forgotten_by_the_store_with_its_next_commit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outbox = Outbox(store)
    outbox.put(A)
    outbox.save()
    store.commit()
    outbox.sending()
    outbox.sent()
    store, outbox = reopened(tmp_path, store)
    assert len(outbox.sending()) == 1, "the commit did not come to pass"
    outbox.sent()
    store.commit()
    assert reopened(tmp_path, store)[1].sending() == []


def test_it_is_urgent_until_what_is_new_is_saved(tmp_path: Path) -> None:
    outbox = Outbox(Store(tmp_path))
    assert not outbox.urgent
    outbox.put(A)
    assert outbox.urgent
    outbox.save()
    assert not outbox.urgent


def test_cleared_it_holds_nothing_here_or_in_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outbox = Outbox(store)
    outbox.put(A)
    outbox.save()
    store.commit()
    outbox.put(B)
    outbox.clear()
    assert outbox.sending() == []
    assert not outbox.urgent
    outbox.save()
    store.commit()
    assert reopened(tmp_path, store)[1].sending() == []
