"""Providers that other Python packages bring.

A package names its provider as an entry point; the name is the key under `provider.plugin`:

    [project.entry-points."rollouts.metric_providers"]
    "acme/weather" = "acme_weather:PROVIDER"

PROVIDER is an `analysis.providers.Provider`. Nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from analysis.asks import Question
from analysis.errors import AnalysisError
from analysis.phase import Phase
from analysis.providers.base import Judged, Provider, Reading, Surroundings

GROUP = "rollouts.metric_providers"


@cache
def brought() -> Mapping[str, Provider]:
    """What is installed beside this package, by name. One that cannot be loaded is left out until it is asked for."""
    return {point.name: provider for point in entry_points(group=GROUP) if (provider := _loaded(point.name))}


def named(name: str) -> Provider:
    """The provider of that name. Raises AnalysisError with what to do where there is none."""
    if (found := brought().get(name)) is not None:
        return found
    known = ", ".join(sorted(brought())) or "none"
    raise AnalysisError(
        f"no plugin is called {name[:64]!r} (installed: {known}): install a package with an entry point in {GROUP}"
    )


def ask(spec: Mapping[str, Any], around: Surroundings) -> Question:
    """The question of the one plugin that a metric names."""
    name, own = _one(spec)
    return named(name).ask(own, around)


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """What the plugin reads in the answer."""
    name, own = _one(spec)
    return named(name).read(answer, own)


def judge(spec: Mapping[str, Any], answer: Any, memory: str, at_s: float) -> Judged:
    """The plugin's verdict where it has one; else its reading, which passes unless conditions say otherwise."""
    name, own = _one(spec)
    if (verdict := named(name).judge) is not None:
        return verdict(own, answer, memory, at_s)
    return Judged(named(name).read(answer, own), Phase.SUCCESSFUL, "", memory)


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """What the plugin shows of its spec."""
    name, own = _one(spec)
    return named(name).metadata(own) if name in brought() else {}


PROVIDER = Provider(ask, read, metadata, judge)


def _one(spec: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if len(spec) != 1:
        raise AnalysisError("multiple plugins specified" if spec else "no plugin specified")
    name, own = next(iter(spec.items()))
    if not isinstance(own, Mapping):
        raise AnalysisError(f"plugin {name[:64]}: its configuration must be an object")
    return name, own


def _loaded(name: str) -> Provider | None:
    point = next(iter(entry_points(group=GROUP, name=name)))
    try:
        found = point.load()
    except Exception:  # a stranger's import may raise anything; the controller and all other metrics go on
        return None
    return found if isinstance(found, Provider) else None
