"""The comparing metric beside error counts: latency, gauges, the split of requests, the error budget."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis import measuring
from analysis.model import MetricState, read_metrics
from analysis.phase import Phase
from analysis.providers import Surroundings
from analysis.verdict import judge
from tests.analysis.fake_prometheus import FakePrometheus

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def a_metric(kind, **more):
    spec = {
        "address": "http://prom:9090",
        "kind": kind,
        "canary": "canary_x",
        "stable": "stable_x",
        "lag": "0s",
        **more,
    }
    metric = {"name": kind, "interval": "10s", "count": 60, "provider": {"comparison": spec}}
    return read_metrics({"metrics": [metric]})[0]


def watched(metric, serve, looks=61):
    """The state after looks each 10 s; serve(t, prometheus) scrapes, since ten minutes before the first."""
    prometheus, state = FakePrometheus(), MetricState(metric.name)
    for t in range(0, 600, 10):
        serve(t, prometheus)
    for t in range(600, 600 + 10 * looks, 10):
        serve(t, prometheus)
        around = Surroundings(float(t), "", state.metadata.get(measuring.MEMORY, ""))
        answer = prometheus.answer(measuring.ask(metric, around), float(t))
        state, _ = measuring.taken(metric, state, answer, "", float(t), float(t))
        assert len(state.metadata["memory"]) <= 8192
        state = judge([metric], [state]).states[0]
        if state.is_completed:
            break
    return state


def latency(seed, slower=1.0):
    rng, counts = np.random.default_rng(seed), {"canary": np.zeros(12), "stable": np.zeros(12)}

    def serve(t, prometheus):
        for side, share, factor in (("canary", 20, slower), ("stable", 180, 1.0)):
            if side == "canary" and t < 600:
                continue
            times = rng.lognormal(np.log(0.08), 0.6, rng.poisson(10 * share)) * factor
            counts[side] += np.array([*((times <= bound).sum() for bound in BOUNDS), times.size])
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts[side], strict=True):
                prometheus.scrape(t, side, count, le=bound, pod=f"{side}-0")

    return serve


def test_a_canary_that_is_slower_everywhere_is_aborted_where_no_quantile_rule_of_a_second_would_see_it():
    state = watched(a_metric("latency"), latency(1, slower=1.25))

    assert state.phase is Phase.FAILED
    assert state.taken <= 12


def test_a_canary_as_quick_as_stable_is_certified():
    state = watched(a_metric("latency"), latency(2))

    assert state.phase is Phase.SUCCESSFUL
    assert json.loads(state.measurements[-1].value)["verdict"] == "promote"


def test_a_histogram_without_its_buckets_is_an_error_with_words():
    def serve(t, prometheus):
        for side in ("canary", "stable"):
            prometheus.scrape(t, side, float(t), pod="a")

    state = watched(a_metric("latency"), serve, looks=3)

    assert state.measurements[-1].phase in (Phase.ERROR, Phase.INCONCLUSIVE)
    assert "bucket" in state.measurements[-1].message


def gauge(seed, canary):
    rng = np.random.default_rng(seed)

    def serve(t, prometheus):
        for side, mean, pods in (("canary", canary, 1), ("stable", 0.5, 5)):
            for pod in range(pods):
                prometheus.scrape(t, side, float(np.clip(rng.normal(mean, 0.05), 0, 1)), pod=f"{side}-{pod}")

    return serve


@pytest.mark.parametrize(("canary", "phase"), [(0.85, Phase.FAILED), (0.5, Phase.SUCCESSFUL)])
def test_a_gauge_is_held_against_stable(canary, phase):
    metric = a_metric("gauge", low=0, high=1, tolerated="0.05", margin=0.3)

    assert watched(metric, gauge(1, canary)).phase is phase


def test_a_gauge_may_be_held_against_a_fixed_bound():
    metric = a_metric("gauge", low=0, high=1, tolerated=0.02, margin=0.1, bound=0.8, stable="")

    assert watched(metric, gauge(1, 0.95)).phase is Phase.FAILED
    assert watched(metric, gauge(2, 0.4)).phase is Phase.SUCCESSFUL


def split(seed, share):
    rng, counts = np.random.default_rng(seed), {"canary": 0.0, "stable": 0.0}

    def serve(t, prometheus):
        for side, part in (("canary", share), ("stable", 1 - share)):
            counts[side] += rng.poisson(2000 * part)
            prometheus.scrape(t, side, counts[side], pod=side)

    return serve


def test_a_canary_that_gets_another_share_than_its_weight_is_aborted_and_the_right_share_passes():
    wrong, right = (watched(a_metric("ratio", weight=10), split(1, share)) for share in (0.06, 0.1))

    assert wrong.phase is Phase.FAILED
    assert right.phase is Phase.SUCCESSFUL
    assert right.taken == 60


def budget(rate_after):
    counts = {"200": 0.0, "500": 0.0}

    def serve(t, prometheus):
        rate = rate_after if t > 700 else 0.0005
        counts["500"] += 2000 * rate
        counts["200"] += 2000 * (1 - rate)
        for code, count in counts.items():
            prometheus.scrape(t, "canary", count, pod="p", code=code)

    return serve


def test_a_burning_error_budget_stops_whoever_is_to_blame():
    metric = a_metric("burn", slo="0.999", bad='code=~"5.."', stable="")

    assert watched(metric, budget(0.3)).phase is Phase.FAILED
    assert watched(metric, budget(0.0005)).phase is Phase.SUCCESSFUL
