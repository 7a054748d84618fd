"""`Layouts`: the layouts of all versions of all models of the monitor file."""

from detectors.layout import Layout
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

MOST_LAYOUTS = 4_096
"""Versions whose layouts are kept: more than a partition keeps rows of. Each is a few hundred bytes."""


class Layouts:
    """The layouts of all versions of all models, made when first asked for; those asked for longest ago make room."""

    def __init__(self, models: dict[str, ModelSpec], profiles: dict[str, dict[str | None, ReferenceProfile]]) -> None:
        """`profiles` is by model and version; None is the profile of every version that has none of its own."""
        self._models = models
        self._profiles = profiles
        self._layouts: dict[tuple[str, str], Layout] = {}
        """The one asked for last at the end."""
        self._made: dict[tuple[str, str | None], Layout] = {}
        """By model, and the version whose profile it is: no more than there are profiles."""

    def of(self, model: str, version: str) -> Layout:
        """Return the layout of a version of a model of the monitor file."""
        key = (model, version)
        layout = self._layouts.pop(key, None)
        if layout is None:
            layout = self._make(model, version)
            if len(self._layouts) >= MOST_LAYOUTS:  # a producer that numbers its versions by the minute
                del self._layouts[next(iter(self._layouts))]
        self._layouts[key] = layout
        return layout

    def _make(self, model: str, version: str) -> Layout:
        profiles = self._profiles.get(model, {})
        owner = version if version in profiles else None
        made = self._made.get((model, owner))
        if made is None:
            made = self._made[model, owner] = Layout(model, version, self._models[model], profiles.get(owner))
        return made.of_version(version)

    def classes(self, model: str) -> frozenset[str] | None:
        """Return the classes that a model's labels may have: the declared ones, else those of its references."""
        spec = self._models[model]
        if spec.task not in ("binary", "multiclass"):
            return None
        known = spec.classes or [name for profile in self._profiles.get(model, {}).values() for name in profile.classes]
        return frozenset(known) or None

    def profiles(self, model: str) -> dict[str | None, ReferenceProfile]:
        """Return the reference profiles of a model, by version; None is for versions that have none of their own."""
        return self._profiles.get(model, {})
