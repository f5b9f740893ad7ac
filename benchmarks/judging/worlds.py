"""Services as counters: what each scenario does to the requests of canary and stable pods, from one seed.

A look every 10 s: 60 before the canary (history), then 60 with it. Rates are of bad requests; the canary's rate is
stable's times `relative`, which is 1 for every null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rng = np.random.Generator
EVERY_S = 10.0
BEFORE, DURING = 60, 60
LOOKS = BEFORE + 1 + DURING
MOMENTS: Floats = EVERY_S * np.arange(-BEFORE, DURING + 1)


@dataclass(frozen=True)
class World:
    """One replicate. total, bad: cumulative, shape (looks, pods, strata); seen: whether a pod's scrape came, shape
    (looks, pods); answered: whether the source answered at all, shape (looks,); canary: which pods are the canary's.

    gained_*: what was truly served between looks, by side, shape (looks,): for judges that see rates."""

    total: Floats
    bad: Floats
    seen: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    canary: NDArray[np.bool_]

    def gained(self, is_canary: bool) -> tuple[Floats, Floats]:
        """(requests, bad ones) between looks of one side, restarts mended; nan where nothing of it was scraped."""
        chosen = self.canary if is_canary else ~self.canary
        found = []
        for counts in (self.total, self.bad):
            steps = np.diff(counts[:, chosen].sum(axis=2), axis=0, prepend=0.0)
            steps = np.where(steps < 0, counts[:, chosen].sum(axis=2), steps)
            found.append(np.concatenate([[0.0], steps.sum(axis=1)[1:]]))
        dark = ~(self.seen[:, chosen].any(axis=1) & self.answered)
        return np.where(dark, np.nan, found[0]), np.where(dark, np.nan, found[1])


@dataclass(frozen=True)
class Service:
    """How requests come and fail. Arrays have one entry a look; None: as in N1.

    rps, weight, base: both sides' requests a second, the canary's share, stable's bad fraction.  relative: of the
    canary.  spread: log-sd of the pods' own rates.  burst: chance a pod and look that 25 % errors begin, for
    burst_looks looks on average.  gap: chance a pod and look of no scrape.  failing: chance a look of no answer.  odd:
    chance a look of one side's numbers being NaN.  restarts: chance a pod and look of a new process.  mix: requests by
    stratum (stable, canary) and their rates.  retry: chance that a bad request is tried again, with half of the tries
    bad."""

    rps: float | Floats = 200.0
    weight: float | Floats = 0.1
    base: float | Floats = 0.01
    relative: float | Floats = 1.0
    stable_pods: int = 9
    canary_pods: int = 1
    spread: float = 0.0
    burst: float = 0.0
    burst_looks: float = 1.0
    gap: float = 0.0
    missing: tuple[int, int] = (0, 0)
    failing: float = 0.0
    odd: float = 0.0
    restarts: float = 0.0
    mix: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]] = ((1.0,), (1.0,), (1.0,))
    worse_stratum: float = 1.0
    retry: float = 0.0
    idle: float = 0.0
    joining: tuple[int, ...] = field(default=())


def play(service: Service, rng: Rng) -> World:
    """The counters of one replicate."""
    pods = service.stable_pods + service.canary_pods
    canary = np.arange(pods) >= service.stable_pods
    born = np.where(canary, BEFORE + 1, 0)
    for number, look in enumerate(service.joining):
        born[service.stable_pods + number] = BEFORE + 1 + look
    alive = np.arange(LOOKS)[:, None] >= born
    requests = _requests(service, rng, alive, canary)
    rate = _rates(service, rng, canary)
    served = rng.poisson(requests)
    bad = rng.binomial(served, np.clip(rate, 0, 1))
    if service.retry:
        again = rng.binomial(bad, service.retry)
        for _ in range(3):
            worse = rng.binomial(again, 0.5)
            served, bad = served + again, bad + worse
            again = rng.binomial(worse, service.retry)
    total_sum, bad_sum = served.cumsum(axis=0).astype(float), bad.cumsum(axis=0).astype(float)
    seen = alive & (rng.random(alive.shape) >= service.gap)
    first, last = service.missing
    seen[BEFORE + first : BEFORE + last, canary] = False
    answered = rng.random(LOOKS) >= service.failing
    answered[BEFORE] = True
    for look, pod in np.argwhere(rng.random(alive.shape) < service.restarts):
        if look > born[pod]:
            for counts in (total_sum, bad_sum):
                counts[look:, pod] -= counts[look - 1, pod]
    for look in np.flatnonzero(rng.random(LOOKS) < service.odd):
        side = canary if rng.random() < 0.5 else ~canary
        seen[look, side] = False
    return World(total_sum, bad_sum, seen, answered, canary)


def _requests(service: Service, rng: Rng, alive: NDArray[np.bool_], canary: NDArray[np.bool_]) -> Floats:
    """Expected requests by look, pod and stratum."""
    rps = np.broadcast_to(service.rps, LOOKS) * (rng.random(LOOKS) >= service.idle)
    weight = np.where(np.arange(LOOKS) > BEFORE, np.broadcast_to(service.weight, LOOKS), 0.0)
    share = np.where(canary, weight[:, None], 1 - weight[:, None]) * alive
    count = np.where(canary, (alive & canary).sum(axis=1)[:, None], (alive & ~canary).sum(axis=1)[:, None])
    each = EVERY_S * rps[:, None] * share / np.maximum(count, 1)
    mix = np.where(canary[:, None], np.array(service.mix[1]), np.array(service.mix[0]))
    return np.asarray(each[:, :, None] * mix)


def _rates(service: Service, rng: Rng, canary: NDArray[np.bool_]) -> Floats:
    """The chance of a bad request by look, pod and stratum."""
    base = np.broadcast_to(service.base, LOOKS)[:, None]
    relative = np.where(canary, np.broadcast_to(service.relative, LOOKS)[:, None], 1.0)
    luck = np.exp(rng.normal(-(service.spread**2) / 2, service.spread, canary.size)) if service.spread else 1.0
    rate = base * relative * luck
    rate = np.where(_bursts(service, rng, rate.shape), 0.25, rate)
    strata = np.array(service.mix[2])
    found = rate[:, :, None] * strata
    if service.worse_stratum != 1:
        found[:, canary, 0] *= service.worse_stratum
    return np.asarray(found)


def _bursts(service: Service, rng: Rng, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pods are in a burst in which look."""
    begins: NDArray[np.bool_] = rng.random(shape) < service.burst
    if service.burst_looks == 1:
        return begins
    left, found = np.zeros(shape[1]), np.zeros(shape, dtype=bool)
    for look, lasting in enumerate(np.where(begins, rng.geometric(1 / service.burst_looks, shape), 0)):
        left = np.maximum(left - 1, lasting)
        found[look] = left > 0
    return found


@dataclass(frozen=True)
class Scenario:
    """One row of the scoreboard. bar: the greatest share of false aborts; None where it is only reported.

    truth: null, worse or better.  onset: the look with the canary at which it becomes worse.  warm_up_s, has_strata:
    what the template declares."""

    name: str
    story: str
    service: Callable[[Rng], Service]
    truth: str = "null"
    bar: float | None = None
    relative: float = 1.0
    onset: int = 0
    warm_up_s: float = 0.0
    has_strata: bool = False

    def world(self, seed: int) -> World:
        """The replicate of a seed."""
        rng = np.random.default_rng([seed, *self.name.encode()])
        return play(self.service(rng), rng)


def _during(values: Floats | float, before: float = 1.0) -> Floats:
    """`before` in the history, then these values from the canary's first look on."""
    found = np.full(LOOKS, before)
    found[BEFORE + 1 :] = values
    return found


_LOOKS_DURING = np.arange(1, DURING + 1)
_OUTAGE = _during(np.where((_LOOKS_DURING > 20) & (_LOOKS_DURING <= 26), 0.10, 0.01), 0.01)
_DRIFT = _during(np.linspace(0.01, 0.025, DURING), 0.01)
_RAMP = _during(np.repeat([0.05, 0.10, 0.25, 0.50], DURING // 4), 0.0)
_ROUTES = ((0.70, 0.25, 0.05), (0.30, 0.30, 0.40), (0.2, 1.0, 5.0))
_TWENTY = ((0.05,) * 20, (0.05,) * 20, (1.0,) * 20)


def _steady(**changes: object) -> Callable[[Rng], Service]:
    return lambda rng: replace(Service(), **changes)  # type: ignore[arg-type]  # names of Service


def _diurnal(rng: Rng) -> Service:
    phase = rng.random() * 2 * np.pi
    return Service(rps=200 * 10 ** (0.5 * np.sin(phase + 2 * np.pi * np.arange(LOOKS) / 90)))


def _late(relative: float) -> Callable[[Rng], Service]:
    return _steady(relative=_during(np.where(_LOOKS_DURING > 30, relative, 1.0)))


def _intermittent(rng: Rng) -> Service:
    return Service(relative=_during(np.where(rng.random(DURING) < 0.2, 5.0, 1.0)))


NULLS = (
    Scenario("N1", "steady", _steady(), bar=0.01),
    Scenario("N2", "load moves tenfold", _diurnal, bar=0.01),
    Scenario("N3", "a minute's outage of both sides", _steady(base=_OUTAGE), bar=0.01),
    Scenario("N4", "errors drift from 1 to 2.5 %", _steady(base=_DRIFT), bar=0.01),
    Scenario("N5-20", "20 rps", _steady(rps=20.0), bar=0.01),
    Scenario("N5-2", "2 rps", _steady(rps=2.0), bar=0.01),
    Scenario("N5-0.5", "0.5 rps", _steady(rps=0.5), bar=0.01),
    Scenario("N6", "a third of the looks without traffic", _steady(idle=0.33), bar=0.01),
    Scenario("N7", "bursts in single pods", _steady(burst=0.01), bar=0.02),
    Scenario("N7-20", "bursts in single pods at 20 rps", _steady(burst=0.01, rps=20.0), bar=0.02),
    Scenario("N7-5", "rare bursts, five pods beside five",
             _steady(burst=0.005, weight=0.5, stable_pods=5, canary_pods=5), bar=0.02),
    Scenario("N7-30", "bursts of half a minute in single pods", _steady(burst=0.004, burst_looks=3.0), bar=0.02),
    Scenario("N8-0.1", "pods differ, log-sd 0.1", _steady(spread=0.1), bar=0.02),
    Scenario("N8-0.3", "pods differ, log-sd 0.3", _steady(spread=0.3), bar=0.02),
    Scenario("N8-0.6", "pods differ, log-sd 0.6", _steady(spread=0.6), bar=0.02),
    Scenario("N8-3", "three stable pods that differ, log-sd 0.3",
             _steady(spread=0.3, stable_pods=3, weight=0.25), bar=0.02),
    Scenario("N9", "a cold minute at 10 % errors, warm-up declared",
             _steady(relative=_during(np.where(_LOOKS_DURING <= 6, 10.0, 1.0))), bar=0.01, warm_up_s=60.0),
    Scenario("N10", "scrapes missing, the canary for two minutes", _steady(gap=0.15, missing=(20, 32)), bar=0.01),
    Scenario("N11", "NaN and empty answers", _steady(odd=0.2, failing=0.05), bar=0.01),
    Scenario("N12", "processes begin anew", _steady(restarts=0.03), bar=0.01),
    Scenario("N13", "error series that appear with the first error", _steady(base=0.0005)),
    Scenario("N14", "weight 5, 10, 25, 50 %",
             _steady(weight=_RAMP, canary_pods=5, joining=(0, 15, 30, 45, 45)), bar=0.01),
    Scenario("N15", "another mix of routes, strata declared", _steady(mix=_ROUTES), bar=0.01, has_strata=True),
    Scenario("N16", "a fifth of the answers fail", _steady(failing=0.2), bar=0.01),
    Scenario("N17", "a storm of retries", _steady(retry=0.8)),
)  # fmt: skip
WORSE = (
    *(Scenario(f"R1-{r:g}", f"errors times {r:g}", _steady(relative=r), "worse", relative=r)
      for r in (1.2, 1.5, 2.0, 3.0, 5.0, 20.0)),
    *(Scenario(f"R2-{r:g}", f"errors times {r:g} after five minutes", _late(r), "worse", relative=r, onset=30)
      for r in (2.0, 5.0)),
    Scenario("R3", "errors grow from 1 to 5 times", _steady(relative=_during(np.linspace(1, 5, DURING))), "worse"),
    Scenario("R4", "five times the errors in a fifth of the looks", _intermittent, "worse"),
    Scenario("R5", "one route of 20, errors times 20",
             _steady(mix=_TWENTY, worse_stratum=20.0), "worse", has_strata=True),
    Scenario("R9", "0.1 % errors, times 5", _steady(base=0.001, relative=5.0), "worse"),
    Scenario("R10", "three times the errors under half of the load",
             _steady(weight=_RAMP, relative=_during(np.where(_LOOKS_DURING > 45, 3.0, 1.0))), "worse", onset=45),
)  # fmt: skip
BETTER = (Scenario("I1", "half of the errors", _steady(relative=0.5), "better", bar=0.0, relative=0.5),)
SCENARIOS = {scenario.name: scenario for scenario in (*NULLS, *WORSE, *BETTER)}
