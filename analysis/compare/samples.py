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
_NO_SAMPLE = "bad_response: a sample is not a time and a number"
Moments = dict[tuple[Any, ...], tuple[tuple[float, ...], bool]]  # times as they came: as numbers, and whether they rise


@dataclass(frozen=True, slots=True)
class Series:
    """One counter or gauge. times rise, seconds since the epoch; values: finite numbers, one for each time.

    counted: where the counter would stand at each sample if it had never begun anew: a fall is a restart from zero.
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
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(result, list):
        raise AnalysisError("bad_response: want raw samples (a matrix)")
    if len(result) > SERIES_MAX:
        raise AnalysisError(f"the selector gives {len(result)} series, more than {SERIES_MAX}: narrow it")
    rows: list[tuple[Mapping[str, Any], tuple[Any, ...], tuple[Any, ...]]] = []
    count = 0
    for entry in result:
        values = entry.get("values") if isinstance(entry, dict) else None
        if not isinstance(values, list) or not isinstance(entry.get("metric"), dict):
            raise AnalysisError("Prometheus metric type not supported: native histogram")
        count += len(values)
        if count > SAMPLES_MAX:
            raise AnalysisError(f"the selector gives more than {SAMPLES_MAX} samples: narrow it, or look more often")
        if values:
            try:
                moments, texts = zip(*values, strict=True)
            except (TypeError, ValueError):
                raise AnalysisError(_NO_SAMPLE) from None
            rows.append((entry["metric"], moments, texts))
    return _all_series(rows, count)


def _all_series(
    rows: Sequence[tuple[Mapping[str, Any], tuple[Any, ...], tuple[Any, ...]]], count: int
) -> tuple[Series, ...]:
    """The series of (labels, moments, texts), `count` samples in all."""
    numbers = _read_at_once([text for _, _, texts in rows for text in texts])
    known: Moments = {}
    found, place = [], 0
    for labels, moments, texts in rows:
        try:
            if moments not in known:
                times = tuple(map(float, moments))
                known[moments] = times, all(map(lt, times, times[1:]))
            if numbers is None:
                values = tuple(map(float, texts))
            else:
                values = tuple(map(float, numbers[place : (place := place + len(texts))]))
        except (TypeError, ValueError):
            raise AnalysisError(_NO_SAMPLE) from None
        times, is_rising = known[moments]
        named = {str(name): str(value) for name, value in labels.items()}
        if is_rising and (numbers is not None or all(map(isfinite, values))):
            found.append(_counted(named, times, values))
        elif clean := sorted({at: value for at, value in zip(times, values, strict=True) if isfinite(value)}.items()):
            found.append(series_of(named, clean))
    return tuple(found)


def _read_at_once(texts: Sequence[Any]) -> list[Any] | None:
    """Texts as numbers by JSON's reader, twice as quick as `float`; None where one is no finite number of JSON."""
    try:
        found: list[Any] = orjson.loads(f"[{','.join(texts)}]")
    except (TypeError, ValueError):
        return None
    return found if len(found) == len(texts) and {int, float} >= set(map(type, found)) else None


def series_of(labels: Mapping[str, str], pairs: Sequence[tuple[float, float]]) -> Series:
    """The series of finite values at rising times, at least one."""
    times, values = zip(*pairs, strict=True)
    return _counted(labels, times, values)


def _counted(labels: Mapping[str, str], times: tuple[float, ...], values: tuple[float, ...]) -> Series:
    if sorted(values) == list(values):  # quick, as sorting finds what is sorted already
        return Series(labels, times, values, values)
    steps = (value - before if value >= before else value for before, value in pairwise(values))
    return Series(labels, times, values, tuple(accumulate(steps, initial=values[0])))


def newest_s(series: Sequence[Series]) -> float | None:
    """The moment of the newest sample; None without any."""
    return max((each.times[-1] for each in series), default=None)


def spacing_s(series: Sequence[Series]) -> float:
    """The usual time between two samples, 15 s where it cannot be seen."""
    longest = max(series, key=lambda each: len(each.times), default=None)
    if longest is None or len(longest.times) < 2:
        return 15.0
    return (longest.times[-1] - longest.times[0]) / (len(longest.times) - 1)
