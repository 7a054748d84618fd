"""The closed set of classes that a snapshot may name, and what may be called by them.

A name that is not in here cannot be decoded, whatever the bytes say. Nothing is imported but the modules named in here.
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


_ON_DEMAND = {
    "detectors.challenger_experts": "LogisticExpert SoftmaxExpert LinearExpert TreeExpert RegressionTreeExpert",
    "detectors.river_detectors": "GuardedKswin GuardedPageHinkley GuardedDdm GuardedEddm GuardedFhddm GuardedHddmA "
    "GuardedHddmW",
    "river.drift.adwin": "ADWIN",
    "river.drift.kswin": "KSWIN",
    "river.drift.page_hinkley": "PageHinkley",
    "river.drift.binary.ddm": "DDM",
    "river.drift.binary.eddm": "EDDM",
    "river.drift.binary.fhddm": "FHDDM",
    "river.drift.binary.hddm_a": "HDDMA",
    "river.drift.binary.hddm_w": "HDDMW SampleInfo",
    "river.stats.mean": "Mean",
    "river.stats.var": "Var",
    "river.stats.ewmean": "EWMean",
    "river.stats.summing": "Sum",
    "river.stats.count": "Count",
    "river.stats.minimum": "Min",
    "river.stats.maximum": "Max",
    "river.stats.cov": "Cov",
    "river.proba.gaussian": "Gaussian",
    "river.proba.multinomial": "Multinomial",
    "river.preprocessing.scale": "StandardScaler MinMaxScaler MaxAbsScaler",
    "river.preprocessing.one_hot": "OneHotEncoder",
    "river.preprocessing.impute": "StatImputer",
    "river.compose.pipeline": "Pipeline",
    "river.linear_model.log_reg": "LogisticRegression",
    "river.linear_model.lin_reg": "LinearRegression",
    "river.linear_model.softmax": "SoftmaxRegression",
    "river.optim.sgd": "SGD",
    "river.optim.adam": "Adam",
    "river.optim.ada_grad": "AdaGrad",
    "river.optim.rms_prop": "RMSProp",
    "river.optim.momentum": "Momentum",
    "river.optim.losses": "Log Squared Absolute Huber CrossEntropy",
    "river.optim.schedulers": "Constant InverseScaling Optimal",
    "river.optim.initializers": "Zeros Constant",
    "river.tree.hoeffding_tree_classifier": "HoeffdingTreeClassifier",
    "river.tree.hoeffding_tree_regressor": "HoeffdingTreeRegressor",
    "river.tree.hoeffding_adaptive_tree_classifier": "HoeffdingAdaptiveTreeClassifier",
    "river.tree.nodes.branch": "NumericBinaryBranch NominalBinaryBranch NumericMultiwayBranch NominalMultiwayBranch",
    "river.tree.nodes.htc_nodes": "LeafMajorityClass LeafNaiveBayes LeafNaiveBayesAdaptive",
    "river.tree.nodes.htr_nodes": "LeafMean LeafModel LeafAdaptive",
    "river.tree.nodes.hatc_nodes": "AdaLeafClassifier AdaNumBinaryBranchClass AdaNomBinaryBranchClass "
    "AdaNumMultiwayBranchClass AdaNomMultiwayBranchClass",
    "river.tree.splitter.gaussian_splitter": "GaussianSplitter",
    "river.tree.splitter.qo_splitter": "QOSplitter Slot FeatureQuantizer",
    "river.tree.splitter.nominal_splitter_classif": "NominalSplitterClassif",
    "river.tree.splitter.nominal_splitter_reg": "NominalSplitterReg",
}
"""Plain Python classes by the module that defines them, which is imported when a state first names one of them: River's
models bring scipy.stats and 80 MB with them."""

_MODULES = {f"{module}.{name}": module for module, names in _ON_DEMAND.items() for name in names.split()}
"""Where to find those that were not asked for yet."""

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
    ("river.drift.page_hinkley.PageHinkley", "_test_decrease"),
    ("river.drift.page_hinkley.PageHinkley", "_test_increase"),
    ("river.tree.splitter.qo_splitter.Slot", "_update_estimator_univariate"),
    ("river.tree.splitter.qo_splitter.Slot", "_update_estimator_multivariate"),
}
"""Bound methods that River keeps as attributes."""

IDLE_GENERATORS = {("river.proba.gaussian.Gaussian", "_rng"), ("river.proba.multinomial.Multinomial", "_rng")}
"""Generators that only `sample` draws from, which nobody here calls. River seeds them from the operating system, so
equal states would have different bytes: they are not written, and come back seeded with 0."""


def _qualified(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


_CLASSES: dict[str, type] = {}


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
    cls = _found(name) if isinstance(name, str) else None
    if cls is None:
        raise _not_listed(name)
    return cls


def name_of(cls: type) -> str:
    """Return the name of a class on the list; raises `StateError` for any other class."""
    name = _qualified(cls)
    if _found(name) is not cls:
        raise _not_listed(name)
    return name


def _found(name: str) -> type | None:
    if name not in _CLASSES and name in _MODULES:
        found = getattr(importlib.import_module(_MODULES[name]), name.rpartition(".")[2])
        _CLASSES.setdefault(name, found)  # our own have entered themselves
    return _CLASSES.get(name)


def _not_listed(name: object) -> StateError:
    return StateError(f"class {name!r} is not one that a state may hold; if it is ours, mark it with @register")


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
