"""What a service does while nothing is rolled out: requests, bad ones and their bursts, out of its pods' raw samples.

Whoever tries a plan or a threshold need not guess these figures. Pure: whoever has the samples hands them in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.backtest import rates
from analysis.compare.increments import Window, looks, requests
from analysis.compare.matchers import all_hold
from analysis.compare.samples import Series, spacing_s
from analysis.compare.spec import Comparison
from analysis.errors import AnalysisError
from analysis.stats.null import measure


@dataclass(frozen=True, slots=True)
class Baseline:
    """rps: requests a second of all pods together; errors: bad fraction; dispersion: variance of bad requests within a
    look over that of independent ones, 1 or more; scrape_s: seconds between two samples."""

    pods: int
    rps: float
    errors: float
    dispersion: float
    scrape_s: float

    def __str__(self) -> str:
        return (
            f"seen: {self.pods} pods, {self.rps:.4g} requests a second, {100 * self.errors:.3g} % of them bad, "
            f"dispersion {self.dispersion:.2f}, a sample each {self.scrape_s:.3g} s"
        )


def measured(asked: Comparison, series: Sequence[Series], every_s: float) -> Baseline:
    """The baseline of a service.

    series: raw counters of its pods.  every_s: seconds between two looks of the plan that is tried.
    Raises AnalysisError where nothing was requested, or nothing was bad."""

    def is_bad(labels: Mapping[str, str]) -> bool:
        return all_hold(asked.bad, labels)

    if not series:
        raise AnalysisError("the selector gives no samples: look at its labels, or further back")
    rps, errors = rates(asked, series)
    if rps <= 0:
        raise AnalysisError("no request was counted: look further back")
    if not 0 < errors < 1:
        raise AnalysisError(f"{100 * errors:g} % of the requests are bad: look at the matchers, or further back")
    side = requests(series, is_bad, (), (asked.pod_label, ""))
    first = min(each.times[0] for each in series)
    window = Window(first, first, max(each.times[-1] for each in series))
    scrape_s = round(spacing_s(series), 1)
    spread = measure(looks(side, window, max(every_s, scrape_s)), is_thorough=False)
    dispersion = max(1.0, spread.dispersion) if spread else 1.0
    return Baseline(len(side.first_s), rps, errors, dispersion, scrape_s)
