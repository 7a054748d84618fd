"""The typed JSON decoders of the fast path, generated from the monitor file.

They must be stricter than the contract in every respect: what they accept, the contract accepts with the same
values, but for what `fast_predictions` and `fast_feedback` check of whole columns. What they refuse, the contract
judges. Fields that a producer sends and nobody declared are learned, so that they do not refuse it for ever.
"""

import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.spec import ModelSpec
from streams.records import Role

MOST_LEARNED = 32
"""Undeclared fields of one kind that are remembered."""

WORTH_BUILDING = 100
"""Records for each type that are judged for a new field before the decoder is made anew: that takes as long."""

NAME = r"^[^\x00-\x1f\x7f]+\Z"
NAN = math.nan

_INT64 = Meta(ge=-(2**63), le=2**63 - 1)
_Id = Annotated[str, Meta(min_length=1, max_length=512)]
_Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=NAME)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Chance = Annotated[float, Meta(gt=0, le=1)]
_Label = (
    Annotated[str, Meta(min_length=1, max_length=256)]
    | Annotated[int, _INT64]
    | Annotated[float, Meta(ge=-1e15, le=1e15)]  # so that its text has at most 256 characters
    | bool
    | None
)
_Scalar = str | Annotated[int, _INT64] | float | bool | None

# What an undeclared field holds: all of it is decoded, so that what is no JSON is refused, and it cannot be so deep
# that the contract's parser would refuse it.
_Depth0 = str | int | float | bool | None
_Depth1 = _Depth0 | list[_Depth0] | dict[str, _Depth0]
_Depth2 = _Depth0 | list[_Depth1] | dict[str, _Depth1]
_Depth3 = _Depth0 | list[_Depth2] | dict[str, _Depth2]
_Ignored = _Depth0 | list[_Depth3] | dict[str, _Depth3] | UnsetType

# They select another form of event, which only the contract reads.
_FORMS = frozenset({"specversion", "type", "prediction"})

PREDICTION = ("prediction_id", "timestamp", "version", "features", "output", "latency_ms", "scores")
Field = tuple[str, Any, Any]


class Learned:
    """Undeclared fields by where they stand: in the event, in its output, in the features of each model."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def of(self, where: str) -> list[str]:
        """Return the names learned there, in the order in which they came."""
        return self._names.get(where, [])

    def add(self, where: str, names: Iterable[str]) -> bool:
        """Note fields; say whether one was new and fits in."""
        known = self._names.setdefault(where, [])
        new = [name for name in names if name not in known and _declarable(name)]
        new = new[: MOST_LEARNED - len(known)]
        known += new
        return bool(new)


class FastTypes:
    """The decoder of one source topic.

    Attributes
    ----------
    decode
        Bytes → an instance of one of `models`, or of the feedback type. Raises `msgspec.MsgspecError`, `ValueError`,
        `TypeError` or `RecursionError` for what the contract has to judge.
    models
        By type: the name of the model (predictions).
    """

    def __init__(self, role: Role, specs: dict[str, ModelSpec]) -> None:
        self._role = role
        self._specs = {name: spec for name, spec in specs.items() if all(map(_declarable, (name, *spec.features)))}
        self._learned = Learned()
        self._build()

    def refresh(self) -> None:
        """Take up what was learned, once it is worth it."""
        if self._stale and self._waited >= WORTH_BUILDING * max(1, len(self.models)):
            self._build()

    def learn(self, data: bytes) -> None:
        """Learn the undeclared fields of an event that the contract accepted."""
        self._waited += 1
        try:
            event = msgspec.json.decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return  # not for its fields was it refused
        if not isinstance(event, dict):
            return
        learned = self._learned
        if self._role == "feedback":
            self._stale |= learned.add("event", event.keys() - _FEEDBACK_FIELDS)
            return
        self._stale |= learned.add("event", event.keys() - _PREDICTION_FIELDS)
        output, features, model = event.get("output"), event.get("features"), event.get("model")
        if isinstance(output, dict):
            self._stale |= learned.add("output", output.keys() - _OUTPUT_FIELDS)
        if isinstance(features, dict) and model in self._specs:
            self._stale |= learned.add(f"features of {model}", features.keys() - self._specs[model].features.keys())

    def _build(self) -> None:
        self.models: dict[type, str] = {}
        self._types: dict[str, type] = {}
        self.decode: Callable[[bytes], Any] = _refuse
        self._stale, self._waited = False, 0
        if self._role == "feedback":
            self.decode = msgspec.json.Decoder(self._feedback()).decode
        elif self._specs:
            alone = len(self._specs) == 1
            self.models = {self._prediction(name, alone): name for name in self._specs}
            self.decode = msgspec.json.Decoder(Union[tuple(self.models)]).decode  # noqa: UP007

    def _prediction(self, model: str, alone: bool) -> type:
        """Return the type of a model's predictions; its fields begin with those of `PREDICTION`, in that order."""
        features = self._features(model)
        fields = [
            ("prediction_id", _Id),
            ("timestamp", str),
            ("version", str, "1"),
            ("features", features, features()),
            ("output", self._output(self._specs[model].task == "multiclass")),
            ("latency_ms", Annotated[float, Meta(ge=0)] | None, NAN),
            ("scores", dict[_Name, float | None] | UnsetType, UNSET),
            ("tags", dict[_Name, str] | UnsetType, UNSET),
        ]
        undeclared = self._learned.of("event")
        if alone:  # a tag that need not be told from others need not be there either
            return _struct("Prediction", [*fields, ("model", Literal[model])], undeclared)
        return _struct("Prediction", fields, undeclared, tag_field="model", tag=model)

    def _output(self, multiclass: bool) -> type:
        """Return the type of an output. Where every event has them, names of classes are checked a chunk at a time."""
        shares = dict[str, _Share] if multiclass else dict[_Name, _Share]
        fields = [
            ("label", _Label, None),
            ("score", _Share | None, NAN),
            ("probabilities", shares | None, None),
            ("value", float | None, NAN),
            ("text", str | None, None),
        ]
        return self._shared("Output", fields, self._learned.of("output"))

    def _features(self, model: str) -> type:
        """Return the type of the features: the numeric ones first, then the others, then the undeclared."""
        declared = self._specs[model].features
        numeric = [name for name, feature in declared.items() if feature.type == "numeric"]
        other = [name for name, feature in declared.items() if feature.type != "numeric"]
        fields: list[Field] = [(name, float | None, NAN) for name in numeric]
        fields += [(name, _Scalar, None) for name in other]
        fields += [(name, _Scalar | UnsetType, UNSET) for name in self._learned.of(f"features of {model}")]
        names = {f"f{position}": name for position, (name, _, _) in enumerate(fields)}
        renamed = [(f"f{position}", kind, default) for position, (_, kind, default) in enumerate(fields)]
        return self._shared("Features", renamed, rename=names, frozen=True)

    def _shared(self, name: str, fields: list[Any], undeclared: Iterable[str] = (), **options: Any) -> type:
        """Return a type, the same one for the same fields: what is of few types is faster to look at."""
        key = repr((name, fields, list(undeclared), options))
        return self._types.setdefault(key, _struct(name, fields, undeclared, **options))

    def _feedback(self) -> type:
        return _struct(
            "Feedback",
            [
                ("prediction_id", _Id),
                ("timestamp", str),
                ("source", Literal["outcome", "user", "annotator"], "outcome"),
                ("model", str | None, None),
                ("version", str | None, None),
                ("label", _Label, None),
                ("value", float | None, None),
                ("rating", _Share | None, None),
                ("correction", _Label, None),
                ("inclusion_probability", _Chance | None, None),
                ("prediction", None, None),  # self-contained feedback is read by the contract
            ],
            self._learned.of("event"),
        )


_OUTPUT_FIELDS = {"label", "score", "probabilities", "value", "text"}
_PREDICTION_FIELDS = {"prediction_id", "timestamp", "output", "version", "features", "latency_ms", "tags", "model"}
_PREDICTION_FIELDS |= {"scores"} | _FORMS
_FEEDBACK_FIELDS = {"prediction_id", "timestamp", "source", "model", "version", "label", "value", "rating"}
_FEEDBACK_FIELDS |= {"correction", "inclusion_probability"} | _FORMS


def _struct(name: str, fields: list[Any], undeclared: Iterable[str] = (), **options: Any) -> type:
    """Return a struct type; what nobody declared is decoded and then left alone."""
    ignored = {f"x{position}": field for position, field in enumerate(undeclared)}
    return msgspec.defstruct(
        name,
        [*fields, *((field, _Ignored, UNSET) for field in ignored)],
        rename=ignored | options.pop("rename", {}),
        gc=False,
        kw_only=True,
        forbid_unknown_fields=True,
        **options,
    )


def _declarable(name: str) -> bool:
    """Say whether a struct can have a field of this name on the wire."""
    return bool(name) and '"' not in name and "\\" not in name and min(name) >= " "


def _refuse(_: bytes) -> Any:
    raise ValueError("no model of the monitor file has a typed decoder")
