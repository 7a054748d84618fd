"""The closed set of classes that a snapshot may name, and what may be called by them.

A name that is not in here cannot be decoded, whatever the bytes say. Nothing is ever imported by a name read from data.
"""

import copy
import importlib
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec

from detectors.state_error import StateError

Class = TypeVar("Class", bound=type)


_RIVER = {
    "drift": "ADWIN KSWIN PageHinkley",
    "drift.binary": "DDM EDDM FHDDM HDDMA",
    "stats": "Mean Var Sum Count Min Max Cov",
    "proba": "Gaussian Multinomial",
    "preprocessing": "StandardScaler MinMaxScaler MaxAbsScaler OneHotEncoder StatImputer",
    "compose": "Pipeline",
    "linear_model": "LogisticRegression LinearRegression SoftmaxRegression",
    "optim": "SGD Adam AdaGrad RMSProp Momentum",
    "optim.losses": "Log Squared Absolute Huber CrossEntropy",
    "optim.schedulers": "Constant InverseScaling Optimal",
    "optim.initializers": "Zeros Constant",
    "tree": "HoeffdingTreeClassifier HoeffdingTreeRegressor HoeffdingAdaptiveTreeClassifier",
    "tree.nodes.branch": "NumericBinaryBranch NominalBinaryBranch NumericMultiwayBranch NominalMultiwayBranch",
    "tree.nodes.htc_nodes": "LeafMajorityClass LeafNaiveBayes LeafNaiveBayesAdaptive",
    "tree.nodes.htr_nodes": "LeafMean LeafModel LeafAdaptive",
    "tree.nodes.hatc_nodes": "AdaLeafClassifier AdaNumBinaryBranchClass AdaNomBinaryBranchClass "
    "AdaNumMultiwayBranchClass AdaNomMultiwayBranchClass",
    "tree.splitter": "GaussianSplitter QOSplitter",
    "tree.splitter.qo_splitter": "Slot FeatureQuantizer",
    "tree.splitter.nominal_splitter_classif": "NominalSplitterClassif",
    "tree.splitter.nominal_splitter_reg": "NominalSplitterReg",
}
"""Plain Python classes of River that snapshots hold: module, and names in it."""

_FACTORIES: dict[str, Callable[..., Any]] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "list": list,
    "dict": dict,
    "set": set,
    "collections.defaultdict": defaultdict,
    "collections.OrderedDict": OrderedDict,
    "collections.deque": deque,
}
"""Factories of defaultdicts, beside the classes on the list."""

_PARTIALS: dict[str, Callable[..., Any]] = {"collections.defaultdict": defaultdict, "copy.deepcopy": copy.deepcopy}
"""What a functools.partial in a state may call."""

_METHODS = {
    ("river.drift.page_hinkley.PageHinkley", "_test_both"),
    ("river.drift.page_hinkley.PageHinkley", "_test_down"),
    ("river.drift.page_hinkley.PageHinkley", "_test_up"),
    ("river.tree.splitter.qo_splitter.Slot", "_update_estimator_univariate"),
    ("river.tree.splitter.qo_splitter.Slot", "_update_estimator_multivariate"),
}
"""Bound methods that River keeps as attributes."""

IDLE_GENERATORS = {("river.proba.gaussian.Gaussian", "_rng"), ("river.proba.multinomial.Multinomial", "_rng")}
"""Generators that only `sample` draws from, which nobody here calls. River seeds them from the operating system, so
equal states would have different bytes: they are not written, and come back seeded with 0."""


def _qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _river_classes() -> dict[str, type]:
    classes = {}
    for module, names in _RIVER.items():
        for name in names.split():
            cls = getattr(importlib.import_module(f"river.{module}"), name)
            classes[_qualified(cls)] = cls
    return classes


_CLASSES: dict[str, type] = _river_classes()


def register(cls: Class) -> Class:
    """Put a class of ours on the list: a plain class, a dataclass or a msgspec Struct.

    Its state is its `__dict__`, its `__slots__` or the fields of the Struct; `__init__` is not called to bring it back.

    Raises
    ------
    TypeError
        The class derives from something compiled, whose state Python cannot see, or does more than hold attributes.

    Examples
    --------
    >>> @register
    ... class Counter:
    ...     def __init__(self) -> None:
    ...         self.n = 0
    """
    if issubclass(cls, msgspec.Struct):
        if hasattr(cls, "__post_init__"):
            raise TypeError(f"{_qualified(cls)} has a __post_init__, which decoding a state would call")
    else:
        try:
            object.__new__(cls)
        except TypeError as error:
            raise TypeError(f"the state of {_qualified(cls)} cannot be seen from Python: {error}") from None
        if issubclass(cls, BaseException | type) or "__reduce__" in vars(cls):
            raise TypeError(f"{_qualified(cls)} is no plain class")
    _CLASSES[_qualified(cls)] = cls
    return cls


def class_named(name: object) -> type:
    """Return a class on the list; raises `StateError` for any other name."""
    cls = _CLASSES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise StateError(f"class {name!r} is not one that a state may hold; if it is ours, mark it with @register")
    return cls


def name_of(cls: type) -> str:
    """Return the name of a class on the list; raises `StateError` for any other class."""
    name = _qualified(cls)
    if _CLASSES.get(name) is not cls:
        raise StateError(f"class {name!r} is not one that a state may hold; if it is ours, mark it with @register")
    return name


def factory_named(name: object) -> Callable[..., Any]:
    """Return a factory or a class on the list; raises `StateError` for any other name."""
    found = _FACTORIES.get(name) if isinstance(name, str) else None
    return class_named(name) if found is None else found


def name_of_factory(factory: object) -> str:
    """Return the name of a factory or a class on the list; raises `StateError` for any other."""
    for name, known in _FACTORIES.items():
        if known is factory:
            return name
    if isinstance(factory, type):
        return name_of(factory)
    raise StateError(f"function {getattr(factory, '__qualname__', factory)!r} is not one that a state may hold")


def partial_named(name: object) -> Callable[..., Any]:
    """Return the function of a partial on the list; raises `StateError` for any other name."""
    found = _PARTIALS.get(name) if isinstance(name, str) else None
    if found is None:
        raise StateError(f"partial of {name!r} is not one that a state may hold")
    return found


def name_of_partial(function: object) -> str:
    """Return the name of the function of a partial on the list; raises `StateError` for any other."""
    for name, known in _PARTIALS.items():
        if known is function:
            return name
    raise StateError(f"partial of {getattr(function, '__qualname__', function)!r} is not one that a state may hold")


def method_allowed(owner: type, name: object) -> bool:
    """Whether a bound method may stand in a state."""
    return (_qualified(owner), name) in _METHODS


@cache
def slots_of(cls: type) -> dict[str, Any]:
    """Return the slots of a class and of its parents: the name of the attribute, and the descriptor that sets it."""
    slots: dict[str, Any] = {}
    for parent in reversed(cls.__mro__):
        for name, member in vars(parent).items():
            if isinstance(member, types.MemberDescriptorType):
                slots[name] = member
    return slots
