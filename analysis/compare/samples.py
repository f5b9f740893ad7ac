"""Raw samples of counters -> exact, disjoint increments: no rate, no extrapolation, restarts and births told apart.

Prometheus' own `rate` and `increase` lose what a series counted before its first scrape: a new canary pod's first
errors, and the first error of every new label set. Here the samples themselves are read, and a series that appears
while its pod (or, later, the whole look) was already watched began at zero.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import isfinite
from operator import lt
from typing import Any

import orjson

from analysis.errors import AnalysisError

SERIES_MAX = 5000
SAMPLES_MAX = 200_000
Moments = dict[tuple[Any, ...], tuple[tuple[float, ...], bool]]  # times as they came: as numbers, and whether they rise


@dataclass(frozen=True, slots=True)
class Series:
    """One counter or gauge. times rise, seconds since the epoch; values: finite numbers, one for each time.

    counted: what the counter gained until each sample, since whenever it was first read; a fall is a restart from zero.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]
    counted: tuple[float, ...]

    def gained(self, since_s: float, until_s: float, *, from_zero: bool) -> float:
        """What it gained in (since_s, until_s].

        from_zero: whether its first value was counted from zero; otherwise it is only a base."""
        return self._level(until_s, from_zero) - self._level(since_s, from_zero)

    def levels(self, places: Sequence[int], *, from_zero: bool) -> list[float]:
        """What it had counted after so many of its samples each; 0 after none."""
        counted, base = self.counted, self.values[0] if from_zero else 0.0
        base -= counted[0]
        return [counted[place - 1] + base if place else 0.0 for place in places]

    def _level(self, moment: float, from_zero: bool) -> float:
        place = bisect_right(self.times, moment)
        if place == 0:
            return 0.0
        return self.counted[place - 1] - self.counted[0] + (self.values[0] if from_zero else 0.0)

    def within(self, since_s: float, until_s: float) -> Series | None:
        """Its samples in (since_s, until_s], as if no other had been read; None without any."""
        first, last = bisect_right(self.times, since_s), bisect_right(self.times, until_s)
        if first >= last:
            return None
        kept = slice(first, last)
        return Series(self.labels, self.times[kept], self.values[kept], self.counted[kept])


def read(data: Any) -> tuple[Series, ...]:
    """The series of a matrix, as a range selector answers. Raises AnalysisError for anything else."""
    result = data.get("result") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or data.get("resultType") != "matrix" or not isinstance(result, list):
        raise AnalysisError("bad_response: want raw samples (a matrix)")
    if len(result) > SERIES_MAX:
        raise AnalysisError(f"the selector gives {len(result)} series, more than {SERIES_MAX}: narrow it")
    found, count = [], 0
    moments: Moments = {}
    for entry in result:
        values = entry.get("values") if isinstance(entry, Mapping) else None
        if not isinstance(values, list) or not isinstance(entry.get("metric"), Mapping):
            raise AnalysisError("Prometheus metric type not supported: native histogram")
        count += len(values)
        if count > SAMPLES_MAX:
            raise AnalysisError(f"the selector gives more than {SAMPLES_MAX} samples: narrow it, or look more often")
        if series := _series(entry["metric"], values, moments):
            found.append(series)
    return tuple(found)


def _series(labels: Mapping[str, Any], pairs: Sequence[Any], known: Moments) -> Series | None:
    """One series; None without samples.  known: times seen before, as series of one scrape have the same."""
    if not pairs:
        return None
    try:
        moments, texts = zip(*pairs, strict=True)
        if moments not in known:
            times = tuple(map(float, moments))
            known[moments] = times, all(map(lt, times, times[1:]))
        times, is_rising = known[moments]
        values = _numbers(texts)
    except (TypeError, ValueError):
        raise AnalysisError("bad_response: a sample is not a time and a number") from None
    named = {str(name): str(value) for name, value in labels.items()}
    if is_rising and isfinite(sum(values)):  # a sum of finite numbers that is none is only slower
        return _counted(named, times, values)
    clean = sorted({at: value for at, value in zip(times, values, strict=True) if isfinite(value)}.items())
    return series_of(named, clean) if clean else None


def _numbers(texts: Sequence[Any]) -> tuple[float, ...]:
    """Texts as numbers. Raises TypeError and ValueError like `float`, which is half as quick as JSON's reader; but that
    one knows neither NaN nor infinity."""
    try:
        found = orjson.loads(f"[{','.join(texts)}]")
        if len(found) == len(texts) and {int, float} >= set(map(type, found)):
            return tuple(map(float, found))
    except (TypeError, ValueError):
        pass
    return tuple(map(float, texts))


def series_of(labels: Mapping[str, str], pairs: Sequence[tuple[float, float]]) -> Series:
    """The series of finite values at rising times, at least one."""
    times, values = zip(*pairs, strict=True)
    return _counted(labels, times, values)


def _counted(labels: Mapping[str, str], times: tuple[float, ...], values: tuple[float, ...]) -> Series:
    if sorted(values) == list(values):  # quick, as sorting finds what is sorted already
        base = values[0]
        return Series(labels, times, values, tuple([value - base for value in values]))
    steps = (value - before if value >= before else value for before, value in pairwise(values))
    return Series(labels, times, values, tuple(accumulate(steps, initial=0.0)))


def newest_s(series: Sequence[Series]) -> float | None:
    """The moment of the newest sample; None without any."""
    return max((each.times[-1] for each in series), default=None)


def spacing_s(series: Sequence[Series]) -> float:
    """The usual time between two samples, 15 s where it cannot be seen."""
    longest = max(series, key=lambda each: len(each.times), default=None)
    if longest is None or len(longest.times) < 2:
        return 15.0
    return (longest.times[-1] - longest.times[0]) / (len(longest.times) - 1)
