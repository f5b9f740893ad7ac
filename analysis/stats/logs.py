"""Arithmetic in log space, special functions that numpy lacks, and the JSON of states.

Evidence is kept as natural logarithms: e-values of 1e300 and of 1e-300 are ordinary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from statistics import NormalDist
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
T = TypeVar("T")

NORMAL = NormalDist()
LOG_MAX = 9999.0  # nats; no decision needs more
DECISION_DIGITS = 6
_BETA_STEPS_MAX = 500


def log_sum_exp(logs: ArrayLike) -> float:
    """ln(sum(exp(logs))) without overflow; -inf for nothing.  logs: any shape, nats."""
    values = np.asarray(logs, dtype=np.float64)
    top = float(values.max()) if values.size else -math.inf
    return top if math.isinf(top) else top + math.log(float(np.exp(values - top).sum()))


def round_down(logs: Floats) -> tuple[float, ...]:
    """Log capital as short plain floats, rounded down: four decimals, two beyond 100 nats; never more than was earned.

    Held within 9,999 nats of 1: what the lower bound lends is less than any number that a float can hold."""
    return tuple(floored(logs).tolist())


def floored(logs: Floats) -> Floats:
    """What `round_down` keeps, as an array of the same shape."""
    held = np.minimum(np.maximum(logs, -LOG_MAX), LOG_MAX)
    scale = np.where(np.abs(held) < 100, 1e4, 1e2)
    found: Floats = np.floor(held * scale) / scale
    return found


def decided(value: float) -> float:
    """The figure that decisions compare: six significant digits, so that another CPU decides alike."""
    return float(f"{value:.{DECISION_DIGITS}g}") if math.isfinite(value) else value


def exp_capped(log_value: float) -> float:
    """exp(log_value), capped at 1e300 so that it can be written as JSON."""
    return math.exp(min(log_value, math.log(1e300)))


def log_beta(a: float, b: float) -> float:
    """ln B(a, b).  a, b > 0."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def beta_below(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta I_x(a, b), by its continued fraction.  x in [0, 1]; a, b > 0.

    Source: Lentz's method, Abramowitz & Stegun 26.5.8."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta(a, b)) / a
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d or 1e-300)
    total = d
    for m in range(1, _BETA_STEPS_MAX):
        before = total
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + numerator * d) or 1e-300)
            c = (1 + numerator / c) or 1e-300
            total *= c * d
        if abs(total - before) <= 1e-15 * abs(total):
            break
    return front * total


def t_quantile(p: float, df: float) -> float:
    """Student's t quantile by bisection.  p in (0, 1); df > 0."""
    if p < 0.5:
        return -t_quantile(1 - p, df)
    low, high = 0.0, 1.0
    while 1 - 0.5 * beta_below(df / (df + high * high), df / 2, 0.5) < p and high < 1e12:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        below = 1 - 0.5 * beta_below(df / (df + middle * middle), df / 2, 0.5)
        low, high = (middle, high) if below < p else (low, middle)
    return (low + high) / 2


def chi_square_quantile(p: float, df: float) -> float:
    """Chi-square quantile, Wilson & Hilferty (1931): three digits for df >= 3.  p in (0, 1)."""
    z = NORMAL.inv_cdf(p)
    return float(df * max(1e-3, 1 - 2 / (9 * df) + z * math.sqrt(2 / (9 * df))) ** 3)


def dump(state: Any) -> str:
    """A frozen state as compact JSON; `load` reads it back to an equal value."""
    assert is_dataclass(state) and not isinstance(state, type)
    return json.dumps(asdict(state), separators=(",", ":"), allow_nan=False)


def load(kind: type[T], text: str) -> T:
    """The state that `dump` wrote.  Raises ValueError for JSON that is not of this kind."""
    found = json.loads(text)
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every state is a dataclass
    if not isinstance(found, Mapping) or set(found) != names:
        raise ValueError(f"state: want the fields {sorted(names)}, got {sorted(found)}")
    return kind(**{name: _frozen(value) for name, value in found.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
