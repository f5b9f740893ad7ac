"""An AnalysisRun with a comparing metric: its verdict, and the memory that a restart finds."""

from __future__ import annotations

import json

from analysis.asks import HttpReply
from rollouts.core.plan import Answer
from rollouts.runs.status import fitted
from tests.runs.test_runs import START, a_run

COMPARISON = {
    "comparison": {"address": "http://prom:9090", "canary": "c_total", "stable": "s_total", "bad": 'code="500"'}
}


def raw_samples(seconds, **counts):
    """Both sides' counters over the last seconds before now, as a range selector answers them."""
    replies = []
    for pods, per_scrape in ((1, counts["canary"]), (4, counts["stable"])):
        result = [
            {"metric": {"pod": f"p-{pod}", "code": code},
             "values": [[START.seconds + t, str(1000 + step * (t + 600) / 10)] for t in range(-600, seconds + 1, 10)]}
            for pod in range(pods) for code, step in per_scrape.items()
        ]  # fmt: skip
        body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        replies.append(HttpReply(200, json.dumps(body).encode()))
    return tuple(replies)


def compared(canary_bad, looks=3):
    world = a_run({"name": "errors", "interval": "10s", "count": 60, "provider": COMPARISON})
    world.settle()
    for look in range(looks):
        counts = {"canary": {"200": 180.0, "500": canary_bad}, "stable": {"200": 430.0, "500": 5.0}}
        name = list(world.asked)[-1]
        at = world.now
        world.answers[name] = Answer(name, at, at, raw_samples(10 * look + 20, **counts))
        world.settle()
        if world.now_status["phase"] != "Running":
            break
        world.sleep()
    return world


def test_a_comparison_ends_the_run_as_failed_and_keeps_one_small_memory_per_metric():
    world = compared(canary_bad=60.0)

    assert world.now_status["phase"] == "Failed"
    assert list(world.metric()["metadata"]) == ["ResolvedCanary", "ResolvedStable", "memory"]
    assert len(world.metric()["metadata"]["memory"].encode()) <= 2048
    assert json.loads(world.metric()["measurements"][-1]["value"])["verdict"] == "abort"
    assert "memory" not in json.dumps(world.metric()["measurements"])


def test_a_comparison_that_is_not_sure_yet_looks_again():
    world = compared(canary_bad=2.0)

    assert world.now_status["phase"] == "Running"
    assert world.metric()["inconclusive"] == 3


def test_a_memory_survives_a_status_that_is_cut_to_its_budget():
    world = compared(canary_bad=2.0)
    memory = world.metric()["metadata"]["memory"]
    result = {**world.metric(), "message": "m" * 5000, "metadata": {"memory": memory, "other": "o" * 90_000}}

    assert fitted({"metricResults": [result] * 3})["metricResults"][0]["metadata"]["memory"] == memory
