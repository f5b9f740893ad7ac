"""The shipped examples as the demo uses them: unchanged but for where Prometheus is and how long things take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

import rollouts
from rollouts.kube.ref import Manifest

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_RANGE = re.compile(r"\[(\d+(?:\.\d+)?(?:ms|s|m|h))\]", re.ASCII)
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_SPANS = frozenset({"duration", "interval", "initialDelay"})
_SECONDS = frozenset({"scaleDownDelaySeconds", "abortScaleDownDelaySeconds"})
_RANGE_MS_MIN = 2_000
_SPAN_MS_MIN = 100
_ORDER = ("AnalysisTemplate", "Service", "Ingress", "Rollout")


def examples_folder() -> Path:
    """Where the examples are: beside the packages in a checkout, inside them once installed."""
    package = Path(rollouts.__file__).parent
    for folder in (package.parent / "examples", package / "examples"):
        if (folder / "01-canary-nginx").is_dir():
            return folder
    raise FileNotFoundError(f"no examples beside or inside {package}")


def load(folder: Path) -> list[dict[str, Any]]:
    """Every manifest in a folder, in the order in which one would apply them."""
    found = [
        document
        for path in sorted(folder.glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if document and "kind" in document
    ]
    return sorted(found, key=lambda document: _ORDER.index(document["kind"]))


def for_demo(manifests: Iterable[Manifest], prometheus_url: str, speed: float) -> list[dict[str, Any]]:
    """The same manifests with Prometheus at this address, and every span of time divided by `speed`."""
    assert speed > 0

    def change(key: str, value: Any) -> Any:
        if key == "address":
            return prometheus_url
        if key == "query" and isinstance(value, str):
            return _RANGE.sub(lambda found: f"[{_shorter(found.group(1), speed, _RANGE_MS_MIN)}]", value)
        if key in _SPANS and isinstance(value, str):
            return _shorter(value, speed, _SPAN_MS_MIN)
        if key in _SECONDS:
            return max(1, round(value / speed))
        return value

    return [_changed(manifest, change) for manifest in manifests]


def _changed(value: Any, change: Callable[[str, Any], Any]) -> Any:
    """The value with every scalar field passed through `change`; manifests are a few levels deep, so this recurses."""
    if isinstance(value, dict):
        return {
            key: _changed(inner, change) if isinstance(inner, dict | list) else change(key, inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    return value


def _shorter(span: str, speed: float, ms_min: int) -> str:
    """A span divided by speed, in milliseconds where it is not whole seconds."""
    if speed == 1:
        return span
    total_ms = sum(float(number) * _UNIT_MS[unit] for number, unit in _SPAN.findall(span))
    shorter_ms = round(total_ms / speed)
    shorter_ms = max(min(ms_min, round(total_ms)), shorter_ms)
    return f"{shorter_ms // 1000}s" if shorter_ms % 1000 == 0 else f"{shorter_ms}ms"
