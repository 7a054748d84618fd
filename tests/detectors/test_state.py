"""The codec keeps every state exactly, writes equal states alike, and no bytes make it do anything else."""

import contextlib
import hashlib
import math
import os
import pickle
import random
import struct
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift, linear_model, optim, preprocessing, stats, tree

from detectors.adwin import GuardedAdwin
from detectors.challenger import Challenger, LabelledRow
from detectors.state import StateError, decode, encode, register
from detectors.state_classes import _CLASSES, _MODULES, class_named, name_of

HEAD = 20  # magic and digest
ROOT = Path(__file__).parents[2]


def sealed(body: bytes) -> bytes:
    return b"SGS5" + hashlib.blake2b(body, digest_size=16).digest() + body


def opened(data: bytes) -> Any:
    return msgspec.msgpack.decode(data[HEAD:])


def resealed(parts: Any) -> bytes:
    return sealed(msgspec.msgpack.encode(parts))


@register
class Node:
    def __init__(self, value: object = None) -> None:
        self.value = value
        self.next: Node | None = None


@register
class Slotted:
    __slots__ = ("__hidden", "a", "unset")

    def __init__(self, a: object) -> None:
        self.a = a
        self.__hidden = [a]

    def hidden(self) -> object:
        return self.__hidden


@register
@dataclass(frozen=True, slots=True)
class Frozen:
    x: int
    y: list[int] = field(default_factory=list)


@register
class Packed(msgspec.Struct, array_like=True, gc=False, frozen=True, kw_only=True):
    x: int
    y: list[int]


@register
class Touchy:
    """Whatever code of it ran, the test would see it."""

    def __init__(self) -> None:
        self.__dict__["value"] = 1

    def __setattr__(self, name: str, value: object) -> None:
        raise AssertionError("__setattr__ was called")

    def __setstate__(self, state: object) -> None:
        raise AssertionError("__setstate__ was called")

    def __getstate__(self) -> object:
        raise AssertionError("__getstate__ was called")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("__eq__ was called")

    def __hash__(self) -> int:
        raise AssertionError("__hash__ was called")


class Stranger:
    pass


def same(a: Any, b: Any) -> bool:
    """Equality that tells 1 from True and 1.0, 0.0 from -0.0, and holds for NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    if isinstance(a, list | tuple | deque):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    return bool(a == b)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20)
keys = st.recursive(scalars.filter(lambda x: x == x), lambda k: st.lists(k, max_size=3).map(tuple), max_leaves=4)
values = st.recursive(
    scalars,
    lambda v: (
        st.lists(v, max_size=4)
        | st.lists(v, max_size=4).map(tuple)
        | st.dictionaries(keys, v, max_size=4)
        | st.lists(v, max_size=4).map(lambda items: deque(items, maxlen=9))
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(values)
def test_plain_values_come_back_exactly(value: object) -> None:
    data = encode(value)
    assert same(decode(data), value)
    assert encode(decode(data)) == data


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF8000000000000, 0x7FF0000000000000, 0x8000000000000000, 1])
def test_floats_keep_every_bit(bits: int) -> None:
    (value,) = struct.unpack("<d", struct.pack("<Q", bits))
    assert struct.pack("<d", decode(encode(value))) == struct.pack("<d", value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 10**400, -(10**400), 255, -256, 2**63 - 1])
def test_integers_have_any_size(value: int) -> None:
    assert decode(encode(value)) == value


def test_containers_of_the_standard_library_keep_their_kind() -> None:
    nested: defaultdict[str, Any] = defaultdict(partial(defaultdict, float), {"a": defaultdict(float, b=1.5)})
    original = {
        "deque": deque([1, 2, 3], maxlen=3),
        "counter": Counter("abca"),
        "ordered": OrderedDict(b=1, a=2),
        "default": nested,
        "no factory": defaultdict(None, x=1),
        "of a class": defaultdict(stats.Mean),
        "when": datetime(2024, 5, 1, 12, 30, 0, 7, UTC),
    }
    copy = decode(encode(original))
    assert copy["deque"] == original["deque"]
    assert copy["deque"].maxlen == 3
    assert {k: type(v) for k, v in copy.items()} == {k: type(v) for k, v in original.items()}
    assert list(copy["ordered"]) == ["b", "a"]
    copy["default"]["new"]["c"] += 1.0
    assert copy["default"] == {"a": {"b": 1.5}, "new": {"c": 1.0}}
    assert copy["no factory"].default_factory is None
    assert isinstance(copy["of a class"]["x"], stats.Mean)
    assert copy["when"] == original["when"]


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?", ">i4"])
def test_arrays_keep_type_shape_and_bits(dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    copy = decode(encode(array))
    assert copy.dtype == array.dtype
    assert np.array_equal(copy, array)
    copy[0, 0] = 1  # it is its own, and may be written
    scalar = decode(encode(array[1, 2]))
    assert type(scalar) is type(array[1, 2])
    assert scalar == array[1, 2]


def test_a_generator_goes_on_where_it_stood() -> None:
    rng = random.Random(7)
    rng.gauss(0, 1)
    copy = decode(encode(rng))
    assert [copy.gauss(0, 1) for _ in range(9)] == [rng.gauss(0, 1) for _ in range(9)]


def test_shared_references_and_cycles_are_kept() -> None:
    a, b = Node([1]), Node()
    a.next, b.next, b.value = b, a, a.value
    copy = decode(encode((a, [a, b])))
    assert copy[0] is copy[1][0]
    assert copy[0].next.next is copy[0]
    assert copy[0].value is copy[1][1].value
    loop: list[Any] = []
    loop.append((loop, 1))
    again = decode(encode(loop))
    assert again[0][0] is again


def test_a_chain_of_any_length_is_kept() -> None:
    head: Node | None = None
    for i in range(20_000):
        node = Node(i)
        node.next, head = head, node
    copy, n = decode(encode(head)), 0
    while copy is not None:
        copy, n = copy.next, n + 1
    assert n == 20_000


def test_slots_frozen_dataclasses_and_structs_are_kept() -> None:
    shared = [1, 2]
    slotted, frozen, packed = decode(encode([Slotted(shared), Frozen(3, shared), Packed(x=4, y=shared)]))
    assert slotted.hidden()[0] is slotted.a is frozen.y is packed.y
    assert not hasattr(slotted, "unset")
    assert (frozen, packed) == (Frozen(3, [1, 2]), Packed(x=4, y=[1, 2]))


def test_no_code_of_a_class_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode([Touchy(), Touchy()])
    monkeypatch.setattr(Touchy, "__init__", lambda self: pytest.fail("__init__ was called"))
    assert [touchy.__dict__ for touchy in decode(data)] == [{"value": 1}, {"value": 1}]
    parts = opened(encode([decode(data)[0]]))
    parts[2].append(["d", [1], 1])  # an instance as a key: it would be hashed
    parts[3] = [2]
    with pytest.raises(StateError):
        decode(resealed(parts))


def test_equal_states_have_equal_bytes_whatever_their_past() -> None:
    first, second = {9, 1, 17}, {17, 9, 1}
    second.discard(100)
    assert encode(first) == encode(second)
    pair = ("a" * 50, 1.5)
    assert encode([pair, pair]) == encode([pair, ("a" * 50, 0.5 + 1.0)])
    one, other = Node(), Node()
    one.__dict__.clear()
    one.next, one.value = None, 1
    other.value, other.next = 1, None
    assert encode(one) == encode(other)


def test_a_state_is_not_changed_by_being_written() -> None:
    model = tree.HoeffdingTreeClassifier()
    model.learn_one({"x": 1.0}, 0)
    before = pickle.dumps(model)
    encode(model)
    assert pickle.dumps(model) == before


# River

rng = random.Random(11)
ROWS = [({"a": rng.gauss(0, 1), "b": rng.gauss(3, 2)}, i) for i in range(6_000)]


def label(x: dict[str, float], i: int) -> int:
    return int((x["a"] > 0) != (x["b"] > 3)) if i < 4_500 else int(x["a"] > 0)


CLASSIFIERS: list[Callable[[], Any]] = [
    lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    lambda: preprocessing.MinMaxScaler() | linear_model.SoftmaxRegression(optimizer=optim.Adam(0.01)),
    lambda: linear_model.LogisticRegression(optimizer=optim.AdaGrad(0.1), l2=0.01),
    lambda: tree.HoeffdingTreeClassifier(grace_period=50, delta=1e-3, max_depth=6),
    lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=50, delta=1e-3, max_depth=6, seed=3),
]
REGRESSORS: list[Callable[[], Any]] = [
    lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(optimizer=optim.SGD(0.01)),
    lambda: tree.HoeffdingTreeRegressor(splitter=tree.splitter.QOSplitter(0.25), max_depth=6),
]


@pytest.mark.parametrize("make", CLASSIFIERS + REGRESSORS)
def test_a_model_of_river_goes_on_exactly(make: Callable[[], Any]) -> None:
    model = make()
    targets = [label(x, i) if make in CLASSIFIERS else x["a"] * x["b"] for x, i in ROWS]
    for (x, _), y in zip(ROWS[:3_000], targets, strict=False):
        model.learn_one(x, y)
    data = encode(model)
    copy = decode(data)
    assert encode(copy) == data
    for (x, _), y in zip(ROWS[3_000:], targets[3_000:], strict=True):
        assert same(copy.predict_one(x), model.predict_one(x))
        if make in CLASSIFIERS:
            assert same(copy.predict_proba_one(x), model.predict_proba_one(x))
        model.learn_one(x, y)
        copy.learn_one(x, y)
    assert encode(copy) == encode(model)


@pytest.mark.parametrize(
    "make",
    [
        drift.ADWIN,
        lambda: drift.ADWIN(delta=0.5, clock=1, max_buckets=9, grace_period=30),
        lambda: drift.KSWIN(seed=1),
        drift.PageHinkley,
        drift.binary.DDM,
        drift.binary.EDDM,
        drift.binary.FHDDM,
        drift.binary.HDDMA,
    ],
)
def test_a_detector_of_river_goes_on_exactly(make: Callable[[], Any]) -> None:
    detector, source = make(), random.Random(5)
    count = 1_000 if isinstance(detector, drift.KSWIN) else 10_000  # its window has 100, and each update takes long
    for _ in range(count):
        detector.update(int(source.random() < 0.2))
    copy = decode(encode(detector))
    drifts = 0
    for i in range(count):
        value = int(source.random() < (0.2 if i < 0.3 * count else 0.6))
        detector.update(value)
        copy.update(value)
        assert copy.drift_detected == detector.drift_detected
        drifts += detector.drift_detected
    assert drifts > 0
    assert encode(copy) == encode(detector)


def test_every_class_on_the_list_can_be_made_without_a_call() -> None:
    for name in [*_CLASSES, *_MODULES]:
        cls = class_named(name)
        assert name_of(cls) == name
        if not issubclass(cls, msgspec.Struct):
            assert type(object.__new__(cls)) is cls, name


# What is refused


@pytest.mark.parametrize(
    "thing",
    [
        Stranger(),
        Stranger,
        lambda: 1,
        print,
        os.system,
        [os],
        {"x": iter([])},
        (i for i in ()),
        open,
        eval,
        partial(os.system, "true"),
        partial(int, base=2),
        defaultdict(lambda: 0),
        np.array([object()]),
        np.array(["text"]),
        {Node(): 1},
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        "\ud800",
        Node("x").__init__,
        complex(1, 2),
        linear_model.PAClassifier(),
    ],
    ids=lambda thing: str(type(thing).__name__),
)
def test_what_is_not_on_the_list_is_refused(thing: object) -> None:
    with pytest.raises(StateError):
        encode(thing)


def test_the_refusal_names_the_class() -> None:
    with pytest.raises(StateError, match=r"Stranger.*@register"):
        encode([Stranger()])


@pytest.mark.parametrize("cls", [type("L", (list,), {}), type("E", (Exception,), {}), type("R", (), {"__reduce__": 1})])
def test_a_class_whose_state_is_hidden_is_not_registered(cls: type) -> None:
    with pytest.raises(TypeError):
        register(cls)


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "subprocess.Popen", "river.datasets.Keystroke", 7, None]
)
@pytest.mark.parametrize("place", ["layout", "class", "partial"])
def test_a_name_that_is_not_on_the_list_is_never_looked_up(name: object, place: str) -> None:
    parts = {
        "layout": ["0.26", [[name, "x"]], [["o", 0, 1]], [0]],
        "class": ["0.26", [], [], ["c", name]],
        "partial": ["0.26", [], [], ["p", name, "true"]],
    }[place]
    with pytest.raises(StateError):
        decode(resealed(parts))


@pytest.mark.parametrize(
    "parts",
    [
        ["0.26", [], [["d", [0], 1]], [0]],  # a dict as its own key
        ["0.26", [["river.stats.mean.Mean", "__class__"]], [["o", 0, "x"]], [0]],
        ["0.26", [["river.stats.mean.Mean", "n"]], [["o", 0]], [0]],
        ["0.26", [["river.stats.mean.Mean", "n"]], [["o", -1, 1]], [0]],
        ["0.26", [], [["o", 0]], [0]],
        ["0.26", [], [["l", [1]]], [0]],
        ["0.26", [], [], [-1]],
        ["0.26", [], [["D", [0]]], [0]],
        ["0.26", [], [["D", 5]], [0]],
        ["0.26", [], [["w", b""]], [0]],
        ["0.26", [], [["r", 3, b"", None]], [0]],
        ["0.26", [], [["a", "O", [1], b"12345678"]], [0]],
        ["0.26", [], [["a", "<f8", [-5], b"12345678"]], [0]],
        ["0.26", [], [["q", "x"]], [0]],
        ["0.26", [], [], ["m", 5, "update"]],
        ["0.26", [], [], {"x": 1}],
        ["0.26", [], [], []],
        ["0.26", [], []],
        [],
        None,
        7,
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: object) -> None:
    with pytest.raises(StateError):
        decode(resealed(parts))


def test_a_state_of_another_river_is_refused() -> None:
    parts = opened(encode([1]))
    parts[0] = "0.25"
    with pytest.raises(StateError, match=r"River 0\.25"):
        decode(resealed(parts))


def test_deep_nesting_is_refused() -> None:
    body: Any = 1
    for _ in range(5_000):
        body = b"\x92\xa1t" + (body if isinstance(body, bytes) else b"\x01")
    with pytest.raises(StateError):
        decode(sealed(b"\x94\xa40.26\x90\x90" + body))
    deep: tuple[Any, ...] = ()
    for _ in range(5_000):
        deep = (deep,)
    with pytest.raises(StateError):
        encode(deep)


@pytest.mark.parametrize("data", [b"", b"SGS5", pickle.dumps(Node()), b"SGX2" + bytes(40)])
def test_other_bytes_are_no_state(data: bytes) -> None:
    with pytest.raises(StateError):
        decode(data)


def test_a_state_of_another_version_is_refused_as_such() -> None:
    state = encode([1])
    with pytest.raises(StateError, match="another version"):
        decode(b"SGS1" + state[4:])


DECODED = """
import sys
sys.path.insert(0, sys.argv[1])
import detectors.challenger
from detectors.state import decode, encode
data = sys.stdin.buffer.read()
assert "river.drift" not in sys.modules
assert encode(decode(data)) == data
assert "river.drift" in sys.modules
"""


def test_what_a_state_names_is_imported_when_it_is_read() -> None:
    model = Challenger("binary", {"x": "numeric"}, positive_label="1")
    model.test_then_train(LabelledRow([i % 9], str(i % 2), 0.0) for i in range(300))
    data = encode([model, drift.ADWIN()])
    subprocess.run([sys.executable, "-c", DECODED, str(ROOT)], input=data, check=True)


def sample_states() -> list[bytes]:
    adwin = GuardedAdwin()
    adwin.feed([float(i % 7 == 0) for i in range(500)])
    model = Challenger("binary", {"x": "numeric", "c": "categorical"}, positive_label="1")
    model.test_then_train(LabelledRow([i % 9, f"v{i % 3}"], str(i % 2), 0.0) for i in range(300))
    plain = {"a": [1, (2.5, None)], (1, "k"): {3, 4}, "z": deque([b"x"]), "n": np.arange(3), "r": random.Random(1)}
    return [encode(adwin), encode(model), encode(plain)]


STATES = sample_states()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_mutated_bytes_are_refused(data: st.DataObject) -> None:
    state = bytearray(data.draw(st.sampled_from(STATES)))
    at = data.draw(st.integers(0, len(state) - 1))
    state[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StateError):
        decode(bytes(state))


@settings(max_examples=1_500, deadline=None)
@given(data=st.data())
def test_forged_bytes_are_a_state_or_refused(data: st.DataObject) -> None:
    """With a digest that fits: whatever the body, decoding ends in an object or in `StateError`."""
    body = bytearray(data.draw(st.sampled_from(STATES))[HEAD:])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        how = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if how == "change":
            body[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del body[at : at + data.draw(st.integers(1, 9))]
        else:
            body[at:at] = data.draw(st.binary(min_size=1, max_size=9))
        if not body:
            return
    with contextlib.suppress(StateError):
        decode(sealed(bytes(body)))


@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_a_forged_window_of_adwin_is_refused_or_works(data: st.DataObject) -> None:
    """Compiled code gets nothing that it would panic on, then or at a later update."""
    adwin = drift.ADWIN()
    for i in range(data.draw(st.integers(0, 300))):
        adwin.update(i % 3)
    parts = opened(encode(adwin))
    entry = next(entry for entry in parts[2] if entry[0] == "w")
    window = bytearray(entry[1])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(window) - 1))
        window[at] = data.draw(st.integers(0, 255))
    entry[1] = bytes(window)
    try:
        copy = decode(resealed(parts))
    except StateError:
        return
    for i in range(100):
        copy.update(float(i > 50))
    assert math.isfinite(copy._helper.get_width())


def test_detectors_hold_no_unpickling() -> None:
    import detectors

    folder = next(iter(detectors.__path__))
    for name in os.listdir(folder):
        if name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                assert "import pickle" not in file.read(), name
