"""Raw samples of counters -> exact, disjoint increments: no rate, no extrapolation, restarts and births told apart.

Prometheus' own `rate` and `increase` lose what a series counted before its first scrape: a new canary pod's first
errors, and the first error of every new label set. Here the samples themselves are read, and a series that appears
while its pod (or, later, the whole look) was already watched began at zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.stats.logs import Floats

SERIES_MAX = 5000
SAMPLES_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Series:
    """One counter or gauge. times rise, seconds since the epoch; values: finite numbers, shape of times."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats

    def counted(self) -> Floats:
        """What the counter gained since its first sample, at each sample: a fall is a restart from zero."""
        steps = np.diff(self.values)
        gained: Floats = np.concatenate([[0.0], np.cumsum(np.where(steps >= 0, steps, self.values[1:]))])
        return gained

    def gained(self, moments: Floats, *, from_zero: bool) -> Floats:
        """What it gained between neighbouring moments, shape (len(moments) - 1,).

        from_zero: whether its first value was counted from zero; otherwise it is only a base."""
        base = self.values[0] if from_zero else 0.0
        levels = np.concatenate([[0.0], base + self.counted()])
        places = np.searchsorted(self.times, moments, side="right")
        gained: Floats = np.diff(levels[places])
        return gained


def read(data: Any) -> tuple[Series, ...]:
    """The series of a matrix, as a range selector answers. Raises AnalysisError for anything else."""
    result = data.get("result") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or data.get("resultType") != "matrix" or not isinstance(result, list):
        raise AnalysisError("bad_response: want raw samples (a matrix)")
    if len(result) > SERIES_MAX:
        raise AnalysisError(f"the selector gives {len(result)} series, more than {SERIES_MAX}: narrow it")
    found, count = [], 0
    for entry in result:
        values = entry.get("values") if isinstance(entry, Mapping) else None
        if not isinstance(values, list) or not isinstance(entry.get("metric"), Mapping):
            raise AnalysisError("Prometheus metric type not supported: native histogram")
        count += len(values)
        if count > SAMPLES_MAX:
            raise AnalysisError(f"the selector gives more than {SAMPLES_MAX} samples: narrow it, or look more often")
        if series := _series(entry["metric"], values):
            found.append(series)
    return tuple(found)


def _series(labels: Mapping[str, Any], pairs: Sequence[Any]) -> Series | None:
    clean: dict[float, float] = {}
    try:
        for at, text in pairs:
            value = float(text)
            if math.isfinite(value):
                clean[float(at)] = value
    except (TypeError, ValueError):
        raise AnalysisError("bad_response: a sample is not a time and a number") from None
    if not clean:
        return None
    times = sorted(clean)
    names = {str(name): str(value) for name, value in labels.items()}
    return Series(names, np.array(times), np.array([clean[at] for at in times]))


def newest_s(series: Sequence[Series]) -> float | None:
    """The moment of the newest sample; None without any."""
    return max((float(each.times[-1]) for each in series), default=None)


def spacing_s(series: Sequence[Series]) -> float:
    """The usual time between two samples, 15 s where it cannot be seen."""
    steps = [float(np.median(np.diff(each.times))) for each in series if each.times.size > 1]
    return float(np.median(steps)) if steps else 15.0
