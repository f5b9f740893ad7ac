"""What errors alone do not show: latency, requests that vanish, and two metrics that are each a little worse.

    python -m benchmarks.judging.kinds --replicates 100

Seeded counters as a Prometheus would answer them, through the code of a run: questions, answers, measurements, the
verdict over all metrics. 200 rps, 10 % to one canary pod, a look each 10 s for ten minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import measuring
from analysis.model import Metric, MetricState, read_metrics
from analysis.phase import Phase
from analysis.verdict import judge
from benchmarks.judging.score import wilson

EVERY_S, BEFORE, DURING = 10, 60, 60
RPS, WEIGHT, PODS = 200.0, 0.1, 3
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WINDOW_S = 700
Rng = np.random.Generator
Pairs = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]  # labels to samples
Sides = tuple[Pairs, Pairs]


@dataclass(frozen=True)
class Story:
    """One row. play: samples of both sides, by metric; metrics: their comparisons."""

    name: str
    text: str
    metrics: Mapping[str, Mapping[str, Any]]
    play: Callable[[Rng], Mapping[str, Sides]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging.kinds", description=__doc__)
    parser.add_argument("--replicates", type=int, default=100, help="seeds a story (100)")
    asked = parser.parse_args(arguments)
    print("| story | replicates | aborted (95 %) | median s | most from |\n|---|---|---|---|---|")
    for story in STORIES:
        ends = [ended(story, np.random.default_rng([seed, *story.name.encode()])) for seed in range(asked.replicates)]
        hits = [at for at, _ in ends if at is not None]
        low, high = wilson(len(hits), len(ends))
        middle = float(np.median([np.inf if at is None else at for at, _ in ends]))
        names = [name for at, name in ends if at is not None]
        most = ", ".join(f"{name} {names.count(name)}" for name in sorted(set(names)))
        share = f"{100 * len(hits) / len(ends):.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        print(
            f"| {story.name} {story.text} | {len(ends)} | {share} | {middle:g} | {most} |".replace("inf", "—"),
            flush=True,
        )
    return 0


def ended(story: Story, rng: Rng) -> tuple[float | None, str]:
    """(seconds until the run failed, the metric that failed); None where it did not."""
    connection = {"address": "http://prometheus", "canary": "c", "stable": "s", "lag": "0s"}
    metrics = read_metrics({"metrics": [
        {"name": name, "interval": "10s", "provider": {"comparison": {**connection, **spec}}}
        for name, spec in story.metrics.items()
    ]})  # fmt: skip
    samples = story.play(rng)
    states = tuple(MetricState(metric.name) for metric in metrics)
    for at_s in range(0, DURING * EVERY_S + 1, EVERY_S):
        states = tuple(
            _looked(metric, state, samples[metric.name], at_s) for metric, state in zip(metrics, states, strict=True)
        )
        verdict = judge(metrics, states)
        states = verdict.states
        if verdict.phase is Phase.FAILED:
            return float(at_s), next(state.name for state in states if state.phase is Phase.FAILED)
    return None, ""


def _looked(metric: Metric, state: MetricState, sides: Sides, at_s: int) -> MetricState:
    since_s = at_s - (WINDOW_S if at_s == 0 else 320)
    answers = []
    for side in sides:
        rows = [{"metric": dict(labels), "values": kept} for labels, pairs in side.items()
                if (kept := [[at, value] for at, value in pairs if since_s < at <= at_s])]  # fmt: skip
        answers.append({"status": "success", "data": {"resultType": "matrix", "result": rows}})
    return measuring.taken(metric, state, answers, "", float(at_s), float(at_s))[0]


def _sides(counts: Callable[[bool, int], Iterator[tuple[tuple[tuple[str, str], ...], np.ndarray[Any, Any]]]]) -> Sides:
    """The samples of both sides. counts: of a canary or stable pod, what its series gained between looks."""
    found: Sides = ({}, {})
    for side, is_canary in enumerate((True, False)):
        first = 1 if is_canary else -BEFORE
        moments = range(first * EVERY_S, (DURING + 1) * EVERY_S, EVERY_S)
        for pod in range(1 if is_canary else PODS):
            for labels, gained in counts(is_canary, len(moments)):
                key = (("pod", f"{'c' if is_canary else 's'}-{pod}"), *labels)
                found[side][key] = list(zip(moments, np.cumsum(gained).tolist(), strict=True))
    return found


def _each(is_canary: bool, share: float = WEIGHT) -> float:
    return RPS * EVERY_S * (share if is_canary else (1 - WEIGHT) / PODS)


def _latency(slower: float = 1.0, stalls: float = 0.0) -> Callable[[Rng], Mapping[str, Sides]]:
    """Lognormal around 80 ms, log-sd 0.6; the canary's times `slower`, and some requests stall for 1 to 2.5 s."""

    def play(rng: Rng) -> Mapping[str, Sides]:
        def counts(is_canary: bool, looks: int) -> Iterator[tuple[tuple[tuple[str, str], ...], np.ndarray[Any, Any]]]:
            total = rng.poisson(_each(is_canary), looks)
            found = np.zeros((len(BOUNDS), looks))
            for look, count in enumerate(total):
                took = rng.lognormal(np.log(0.08), 0.6, count) * (slower if is_canary else 1.0)
                stuck = rng.random(count) < (stalls if is_canary else 0.0)
                took = np.where(stuck, rng.uniform(1.0, 2.5, count), took)
                found[:, look] = [(took <= bound).sum() for bound in BOUNDS]
            for bound, row in zip(BOUNDS, found, strict=True):
                yield (("le", f"{bound:g}"),), row
            yield (("le", "+Inf"),), total.astype(float)

        return {"latency": _sides(counts)}

    return play


def _served(share: float, is_crashing: bool = False) -> Callable[[Rng], Mapping[str, Sides]]:
    """No errors; the canary gets, or counts, only a share of all requests; or loses 30 of every 60 seconds."""

    def play(rng: Rng) -> Mapping[str, Sides]:
        def counts(is_canary: bool, looks: int) -> Iterator[tuple[tuple[tuple[str, str], ...], np.ndarray[Any, Any]]]:
            up = np.arange(looks) % 6 < (3 if is_crashing and is_canary else 6)
            yield (("code", "200"),), (rng.poisson(_each(is_canary, share), looks) * up).astype(float)

        return {"split": _sides(counts)}

    return play


def _two(relative: float) -> Callable[[Rng], Mapping[str, Sides]]:
    """Two kinds of errors, independent of each other, both `relative` times as many in the canary."""

    def play(rng: Rng) -> Mapping[str, Sides]:
        def counts(is_canary: bool, looks: int) -> Iterator[tuple[tuple[tuple[str, str], ...], np.ndarray[Any, Any]]]:
            total = rng.poisson(_each(is_canary), looks)
            bad = rng.binomial(total, 0.01 * (relative if is_canary else 1.0))
            yield (("code", "200"),), (total - bad).astype(float)
            yield (("code", "500"),), bad.astype(float)

        return {name: _sides(counts) for name in ("errors", "timeouts")}

    return play


LATENCY = {"latency": {"kind": "latency"}}
SPLIT = {"split": {"kind": "ratio", "weight": 10}}
ERRORS = {"bad": 'code="500"'}
STORIES = (
    Story("R6", "latency, the same", LATENCY, _latency()),
    Story("R6", "latency + 10 %", LATENCY, _latency(1.1)),
    Story("R6", "latency + 25 %", LATENCY, _latency(1.25)),
    Story("R6", "latency + 50 %", LATENCY, _latency(1.5)),
    Story("R6", "1 % stall for 1 to 2.5 s", LATENCY, _latency(stalls=0.01)),
    Story("R6", "3 % stall for 1 to 2.5 s", LATENCY, _latency(stalls=0.03)),
    Story("R7", "a crash loop: half of the canary's requests vanish", SPLIT, _served(WEIGHT, is_crashing=True)),
    Story("R8", "the split as meant", SPLIT, _served(WEIGHT)),
    Story("R8", "8 % of requests in place of 10 %", SPLIT, _served(0.08)),
    Story("R11", "two kinds of errors, both as stable", {"errors": ERRORS, "timeouts": ERRORS}, _two(1.0)),
    Story("R11", "two kinds of errors, both times 1.5", {"errors": ERRORS, "timeouts": ERRORS}, _two(1.5)),
    Story("R11", "the same, one of them watched", {"errors": ERRORS}, _two(1.5)),
    Story("R11", "two kinds of errors, both times 2", {"errors": ERRORS, "timeouts": ERRORS}, _two(2.0)),
)


if __name__ == "__main__":
    sys.exit(main())
