"""What a comparing metric would have done on the past: pseudo-canaries among stable pods, with and without a fault.

A/A: a few stable pods are called the canary; whatever aborts them is a false abort. Injection: of the same pods a part
of the good requests is turned into bad ones, so that load and bursts are real and the truth is known. The look is the
controller's own (`analysis.compare.looking`); only the clock is another. Pure: whoever has the samples hands them in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.compare import looking
from analysis.compare.matchers import all_hold
from analysis.compare.samples import Series, series_of
from analysis.compare.spec import Comparison
from analysis.errors import AnalysisError
from analysis.stats.decision import Verdict
from analysis.stats.power import Traffic, floor_s

SIDES = 2
INJECTED = "\x1finjected"


@dataclass(frozen=True, slots=True)
class Trial:
    """One past window judged. relative: the fault's size, 1 for none; begins_s: the canary's start.

    abort_s, promote_s: seconds after it; requests: of the pseudo-canary; why: the last finding's."""

    begins_s: float
    relative: float
    abort_s: float | None
    promote_s: float | None
    requests: float
    null: str
    why: str


@dataclass(frozen=True, slots=True)
class Summary:
    """All trials of one relative risk. low, high: the 95 % interval of the aborted share; floor_s: what no rule beats
    at the rates seen (None: without a fault, or without a bad request)."""

    relative: float
    trials: int
    aborted: float
    low: float
    high: float
    abort_s: float | None
    promoted: float
    promote_s: float | None
    floor_s: float | None


def trial(
    asked: Comparison, series: Sequence[Series], begins_s: float, plan: tuple[float, float, float], relative: float
) -> Trial:
    """One window judged.

    series: of all pods, from `history_s` before begins_s on.  plan: (canary's share of pods, seconds, seconds between
    looks).  Raises AnalysisError where fewer than two pods served."""
    share, seconds, every_s = plan
    rng = np.random.default_rng([round(begins_s) % 2**32, round(relative * 1000)])
    pods = sorted({each.labels.get(asked.pod_label, "") for each in series if each.times[0] <= begins_s})
    if len(pods) < SIDES:
        raise AnalysisError(f"want two pods or more at {begins_s:.0f}, found {len(pods)}")
    chosen = set(rng.choice(pods, size=max(1, min(len(pods) - 1, round(share * len(pods)))), replace=False).tolist())
    stable = [each for each in series if each.labels.get(asked.pod_label, "") not in chosen]
    canary = [each for each in series if each.labels.get(asked.pod_label, "") in chosen]
    if relative != 1:
        canary = injected(asked, canary, stable, begins_s, relative, rng)
    memory, promote_s, finding = "", None, None
    looks = int(seconds / every_s)
    for number in range(looks + 1):
        at_s = begins_s + number * every_s
        since_s = at_s - looking.window_s(asked, memory, at_s)
        found = [[part for each in side if (part := each.within(since_s, at_s))] for side in (canary, stable)]
        memory, finding = looking.look(asked, found, memory, at_s)
        if finding.verdict is Verdict.ABORT:
            return Trial(
                begins_s, relative, at_s - begins_s, promote_s, finding.canary.requests, finding.null, finding.why
            )
        if finding.verdict is Verdict.PROMOTE and promote_s is None:
            promote_s = at_s - begins_s
    assert finding is not None
    return Trial(begins_s, relative, None, promote_s, finding.canary.requests, finding.null, finding.why)


def injected(
    asked: Comparison, canary: Sequence[Series], stable: Sequence[Series], begins_s: float, relative: float,
    rng: np.random.Generator,
) -> list[Series]:  # fmt: skip
    """The canary's series with a fault since begins_s: good requests turned bad until the rate is `relative` times
    stable's, by binomial thinning."""
    good = [each for each in canary if not all_hold(asked.bad, each.labels)]
    kept = [each for each in canary if all_hold(asked.bad, each.labels)]
    rate = _rate(asked, [*canary, *stable])
    found = list(kept)
    for each in good:
        counted = np.diff(np.asarray(each.counted), prepend=each.counted[0])
        moved = rng.binomial(np.maximum(counted, 0).astype(int), min(1.0, max(0.0, (relative - 1) * rate)))
        moved = np.where(np.asarray(each.times) > begins_s, moved, 0)
        lost = np.cumsum(moved)
        values = np.asarray(each.counted) - lost
        found.append(series_of(each.labels, list(zip(each.times, values.tolist(), strict=True))))
        if lost[-1] > 0:
            bad = {**each.labels, **_bad_labels(asked, [*canary, *stable])}
            found.append(
                series_of({**bad, INJECTED: "1"}, list(zip(each.times, lost.astype(float).tolist(), strict=True)))
            )
    return found


def summary(trials: Sequence[Trial], asked: Comparison, share: float, rps: float, rate: float) -> Summary:
    """What trials of one relative risk come to."""
    aborted = sum(each.abort_s is not None for each in trials)
    low, high = wilson(aborted, len(trials))
    relative = trials[0].relative if trials else 1.0
    floor = None
    if relative > 1 and 0 < rate < 1 and rps > 0 and 0 < share < 1:
        floor = floor_s(Traffic(rps, share, rate), relative, asked.terms.rules.alpha)
    return Summary(
        relative, len(trials), aborted / len(trials) if trials else 0.0, low, high,
        _median([each.abort_s for each in trials]),
        sum(each.promote_s is not None for each in trials) / len(trials) if trials else 0.0,
        _median([each.promote_s for each in trials]), floor,
    )  # fmt: skip


def rates(asked: Comparison, series: Sequence[Series]) -> tuple[float, float]:
    """(requests a second, bad fraction) of all these series together."""
    total = math.fsum(each.counted[-1] - each.counted[0] for each in series)
    seconds = max((each.times[-1] for each in series), default=0.0) - min(
        (each.times[0] for each in series), default=0.0
    )
    return (total / seconds if seconds > 0 else 0.0), _rate(asked, series)


def lines(found: Sequence[Summary], trials: Sequence[Trial]) -> Iterator[str]:
    """The summaries for the eye, and the windows that were aborted without a fault."""
    yield f"{'canary':>14}  {'trials':>6}  {'aborted (95 %)':>24}  {'median':>8}  {'floor':>8}  {'certified':>10}"
    for each in found:
        name = "no fault" if each.relative == 1 else f"{each.relative:g} times"
        share = f"{100 * each.aborted:.1f} % ({100 * each.low:.1f} to {100 * each.high:.1f})"
        yield (
            f"{name:>14}  {each.trials:>6}  {share:>24}  {_seconds(each.abort_s):>8}  {_seconds(each.floor_s):>8}  "
            f"{100 * each.promoted:>8.0f} %"
        )
    for each_trial in trials:
        if each_trial.relative == 1 and each_trial.abort_s is not None:
            yield f"  false abort in the window that began at {each_trial.begins_s:.0f}: {each_trial.why}"


def _rate(asked: Comparison, series: Sequence[Series]) -> float:
    total = math.fsum(each.counted[-1] - each.counted[0] for each in series)
    bad = math.fsum(each.counted[-1] - each.counted[0] for each in series if all_hold(asked.bad, each.labels))
    return bad / total if total > 0 else 0.0


def _bad_labels(asked: Comparison, series: Sequence[Series]) -> Mapping[str, str]:
    """Labels that make a series a bad one: as another bad series has them, else as the matchers have them."""
    names = [matcher.label for matcher in asked.bad]
    for each in series:
        if all_hold(asked.bad, each.labels):
            return {name: each.labels.get(name, "") for name in names}
    guess = {m.label: m.value.split("|")[0].replace(".", "0") for m in asked.bad if m.operator in ("=", "=~")}
    if not all_hold(asked.bad, guess):
        raise AnalysisError("no series is bad, and none can be made up from these matchers")
    return guess


def _median(values: Sequence[float | None]) -> float | None:
    found = float(np.median([math.inf if value is None else value for value in values])) if values else math.inf
    return found if math.isfinite(found) else None


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share.  Source: Wilson (1927)."""
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} s"
