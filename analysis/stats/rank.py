"""Mann-Whitney ranks with ties, and the judge that Kayenta builds on them (NetflixACAJudge-v1.0), as a named method.

It tests points, not requests: each point counts alike however many requests stand behind it, and nothing corrects for
repeated looks. It is here for those who know its verdicts; docs/decisions/0007-judgement.md says what it misses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from analysis.stats.logs import NORMAL, Floats

LEVEL = 0.98
TOLERANCE = 0.25
ROOT_TOLERANCE = 1e-4
NOISE = 1e-5
OUTLIER_FACTOR = 3.0
_ROOT_STEPS_MAX = 200
_EXACT_POINTS_MAX = 50


class Label(Enum):
    """What Kayenta says of one metric."""

    PASS = "Pass"  # noqa: S105  # a verdict, not a password
    HIGH = "High"
    LOW = "Low"
    NODATA = "Nodata"
    NODATA_FAIL = "NodataFailMetric"


class Direction(Enum):
    """Which change is bad."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class RankTest:
    """u: pairs where x exceeds y (ties a half); p: two-sided; exact: by enumeration, else normal with ties."""

    u: float
    p: float
    exact: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """The location shift of x against y: interval and Hodges-Lehmann estimate, in their unit."""

    low: float
    high: float
    estimate: float


@dataclass(frozen=True, slots=True)
class KayentaRules:
    """The settings of a metric. allowed_*: effect sizes (ratio of means) below which a change is let pass."""

    direction: Direction = Direction.EITHER
    allowed_increase: float = 1.0
    allowed_decrease: float = 1.0
    replace_nan: bool = False
    remove_outliers: bool = False
    must_have_data: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """Kayenta's label, the shift behind it (None by a short cut), the ratio of means (nan: not checked), and why."""

    label: Label
    shift: Shift | None
    effect: float
    why: str


def ranks(values: Floats) -> tuple[Floats, Floats]:
    """(average ranks from 1, sizes of the groups of ties)."""
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    return (ends - (sizes - 1) / 2)[place], sizes.astype(np.float64)


def mann_whitney(x: Sequence[float], y: Sequence[float]) -> RankTest:
    """U of x over y and its two-sided p. Exact without ties and with fewer than 50 points a side, else normal with
    continuity and tie correction; p = 1 if a side is empty or all values are equal.  Source: Mann & Whitney (1947)."""
    m, n = len(x), len(y)
    if not m or not n:
        return RankTest(math.nan, 1.0, exact=False)
    rank, ties = ranks(np.concatenate([np.asarray(x, float), np.asarray(y, float)]))
    u = float(rank[:m].sum()) - m * (m + 1) / 2
    if ties.max() == 1 and max(m, n) < _EXACT_POINTS_MAX:
        counts = _u_counts(m, n)
        tail = int(max(u, m * n - u))
        return RankTest(u, min(1.0, 2 * float(counts[tail:].sum() / counts.sum())), exact=True)
    sigma = _sigma(m, n, ties)
    if sigma == 0:
        return RankTest(u, 1.0, exact=False)
    away = u - m * n / 2
    z = (abs(away) - 0.5 * (away != 0)) / sigma
    return RankTest(u, min(1.0, 2 * NORMAL.cdf(-z)), exact=False)


def shift(x: Sequence[float], y: Sequence[float], level: float = LEVEL, *, exact: bool = False) -> Shift:
    """The interval of the location shift x - y at `level`, and the Hodges-Lehmann estimate.

    exact: order statistics of all differences by the exact law of U (no ties, small samples; Bauer 1972). Otherwise the
    shifts at which the corrected z crosses the normal quantiles, found to 1e-4 by Brent's method on
    [min x - max y, max x - min y], as Kayenta and R's wilcox.test do.  Raises ValueError for an empty side."""
    if not len(x) or not len(y):
        raise ValueError("want at least one value on each side")
    a, b = np.asarray(x, float), np.asarray(y, float)
    m, n = a.size, b.size
    if exact:
        gaps = np.sort((a[:, None] - b).ravel())
        below = np.cumsum(_u_counts(m, n)) / _u_counts(m, n).sum()
        place = max(1, int(np.searchsorted(below, (1 - level) / 2, side="left")))
        return Shift(float(gaps[place - 1]), float(gaps[m * n - place]), float(np.median(gaps)))
    z = NORMAL.inv_cdf(0.5 + level / 2)
    start, end = float(a.min() - b.max()), float(a.max() - b.min())

    def crossing(quantile: float) -> float:
        def gap(mu: float) -> float:
            rank, ties = ranks(np.concatenate([a - mu, b]))
            away = float(rank[:m].sum()) - m * (m + 1) / 2 - m * n / 2
            sigma = _sigma(m, n, ties)
            corrected = away - (0.5 * math.copysign(1, away) if away else 0.0)
            return (corrected / sigma if sigma else 0.0) - quantile

        return _root(gap, start, end)

    return Shift(crossing(z), crossing(-z), crossing(0.0))


def kayenta(experiment: Sequence[float], control: Sequence[float], rules: KayentaRules | None = None) -> Judgement:
    """Kayenta's verdict on one metric: short cuts first, then the 98 % shift interval against a quarter of itself.

    experiment, control: one point a step; NaN is removed, or counted as 0."""
    rules = rules or KayentaRules()
    x, y = _cleaned(experiment, rules), _cleaned(control, rules)
    if not x.size or not y.size:
        if rules.replace_nan:
            return Judgement(Label.PASS, None, math.nan, "a side is empty, and missing counts as 0")
        label = Label.NODATA_FAIL if rules.must_have_data else Label.NODATA
        return Judgement(label, None, math.nan, "a side has no data")
    mean_x, mean_y = float(x.mean()), float(y.mean())
    effect = mean_x / mean_y if mean_x and mean_y else math.nan
    if np.array_equal(np.sort(x), np.sort(y)):
        return Judgement(Label.PASS, None, effect, "both sides hold the same values")
    if np.ptp(x) == 0 and np.ptp(y) == 0:  # constant sides have no spread to rank: a breath of fixed noise lends one
        x, y = _with_noise(x, 0.25), _with_noise(y, 0.75)
    found = shift(x.tolist(), y.tolist())
    band = TOLERANCE * abs(found.estimate)
    rises = rules.direction is not Direction.DECREASE and found.low > band
    falls = rules.direction is not Direction.INCREASE and found.high < -band
    if rises and not effect < rules.allowed_increase:
        return Judgement(Label.HIGH, found, effect, f"shift of at least {found.low:.4g}, over the band {band:.4g}")
    if falls and not effect > rules.allowed_decrease:
        return Judgement(Label.LOW, found, effect, f"shift of at most {found.high:.4g}, under the band {-band:.4g}")
    told = f"shift between {found.low:.4g} and {found.high:.4g}, band {band:.4g}, ratio of means {effect:.4g}"
    return Judgement(Label.PASS, found, effect, told)


def kayenta_score(groups: Sequence[tuple[float | None, Sequence[Label]]]) -> float:
    """Kayenta's score, 0 to 100: of each (weight, labels) group the share that passes, missing weights share the rest.

    Metrics without data leave the denominator; a group without any counts as 100; half or more without data: 0."""
    labels = [label for _, group in groups for label in group]
    if not labels or sum(label is Label.NODATA for label in labels) * 2 >= len(labels):
        return 0.0
    given = math.fsum(weight for weight, _ in groups if weight is not None)
    free = sum(weight is None for weight, _ in groups)
    total = 0.0
    for weight, group in groups:
        judged = [label for label in group if label is not Label.NODATA]
        score = 100 * sum(label is Label.PASS for label in judged) / len(judged) if judged else 100.0
        total += score * (weight if weight is not None else max(0.0, 100 - given) / free) / 100
    return total


def _cleaned(values: Sequence[float], rules: KayentaRules) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    found = np.where(np.isnan(found), 0.0, found) if rules.replace_nan else found[~np.isnan(found)]
    if not rules.remove_outliers or not found.size:
        return found
    p1, q1, q3, p99 = np.percentile(found, [1, 25, 75, 99])
    reach = OUTLIER_FACTOR * (q3 - q1)
    kept: Floats = found[(found >= min(p1, q1 - reach)) & (found <= max(p99, q3 + reach))]
    return kept


def _with_noise(values: Floats, phase: float) -> Floats:
    """Normal quantiles at even places instead of random draws: the same verdict at every replay."""
    places = (np.arange(values.size) + phase) / values.size
    scores = np.array([NORMAL.inv_cdf(float(place)) for place in places])
    return values + scores * NOISE * np.maximum(np.abs(values), 1e-12)


def _sigma(m: int, n: int, ties: Floats) -> float:
    both = m + n
    tied = float((ties**3 - ties).sum()) / (both * (both - 1)) if both > 1 else 0.0
    return math.sqrt(max(0.0, m * n / 12 * (both + 1 - tied)))


def _u_counts(m: int, n: int) -> Floats:
    """How many orders of m + n distinct values give U = 0 ... mn: coefficients of the Gaussian binomial."""
    counts = np.zeros(m * n + 1)
    counts[0] = 1.0
    for j in range(1, m + 1):
        for top in range(m * n, n + j - 1, -1):  # times (1 - q^(n+j))
            counts[top] -= counts[top - n - j]
        for top in range(j, m * n + 1):  # over (1 - q^j)
            counts[top] += counts[top - j]
    return counts


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """A zero, or a jump over zero, of a falling function.  Source: Brent (1973), ch. 4."""
    a, b = low, high
    fa, fb = function(a), function(b)
    if fa == 0 or fa * fb > 0:  # no change of sign: the end nearer to zero
        return a if abs(fa) <= abs(fb) else b
    c, fc = a, fa
    before = step = b - a
    for _ in range(_ROOT_STEPS_MAX):
        if fb * fc > 0:
            c, fc = a, fa
            before = step = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        limit = 2 * 2.2e-16 * abs(b) + ROOT_TOLERANCE / 2
        half = (c - b) / 2
        if abs(half) <= limit or fb == 0:
            break
        before, step = _brent_step((a, b, c), (fa, fb, fc), (before, step), (half, limit))
        a, fa = b, fb
        b += step if abs(step) > limit else math.copysign(limit, half)
        fb = function(b)
    return b


def _brent_step(
    points: tuple[float, float, float], values: tuple[float, float, float], steps: tuple[float, float],
    bounds: tuple[float, float],
) -> tuple[float, float]:  # fmt: skip
    """(the step before, the next step): secant or inverse parabola where it converges, else bisection."""
    (a, b, c), (fa, fb, fc), (before, step), (half, limit) = points, values, steps, bounds
    if abs(before) < limit or abs(fa) <= abs(fb):
        return half, half
    s = fb / fa
    if a == c:
        p, q = 2 * half * s, 1 - s
    else:
        q, r = fa / fc, fb / fc
        p = s * (2 * half * q * (q - r) - (b - a) * (r - 1))
        q = (q - 1) * (r - 1) * (s - 1)
    q = -q if p > 0 else q
    p = abs(p)
    if 2 * p < min(3 * half * q - abs(limit * q), abs(before * q)):
        return step, p / q
    return half, half
