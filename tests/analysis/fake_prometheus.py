"""Counters of pods, scraped: what a Prometheus would answer to a range selector, without a server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from analysis.asks import HttpReply, PromQueries

Labels = tuple[tuple[str, str], ...]


@dataclass
class FakePrometheus:
    """Samples by (side, labels); a query's side is the word in its selector."""

    samples: dict[tuple[str, Labels], list[tuple[float, float]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def scrape(self, at_s, side, value, **labels):
        self.samples.setdefault((side, tuple(sorted(labels.items()))), []).append((at_s, value))

    def answer(self, question, at_s):
        assert isinstance(question, PromQueries)
        return tuple(self._one(query.query, at_s) for query in question.queries)

    def _one(self, query, at_s):
        self.asked.append(query)
        seconds = float(re.fullmatch(r".*\[(\d+)s\]", query).group(1))
        result = [
            {"metric": dict(labels), "values": [[t, str(v)] for t, v in pairs if at_s - seconds < t <= at_s]}
            for (side, labels), pairs in self.samples.items()
            if side in query
        ]
        matrix = {"resultType": "matrix", "result": [each for each in result if each["values"]]}
        return HttpReply(200, {"status": "success", "data": matrix})


class Service:
    """Pods that count requests by code, scraped every few seconds, canary beside stable."""

    def __init__(self, seed=1, rps=200.0, weight=0.1, base=0.01, scrape_s=5.0, pods=9):
        self.rng = np.random.default_rng(seed)
        self.rps, self.weight, self.base, self.scrape_s = rps, weight, base, scrape_s
        self.stable = {f"s-{i}": {"200": 50_000.0, "500": 500.0} for i in range(pods)}
        self.canary: dict[str, dict[str, float]] = {}
        self.prometheus = FakePrometheus()
        self.now_s = 0.0

    def run(self, seconds, canary_rate=None, base=None):
        """Serve and scrape for a while; canary_rate None: no canary gets requests."""
        base = self.base if base is None else base
        for _ in range(round(seconds / self.scrape_s)):
            self.now_s += self.scrape_s
            weight = 0.0 if canary_rate is None else self.weight
            for pods, share, rate in ((self.stable, 1 - weight, base), (self.canary, weight, canary_rate)):
                for counters in pods.values():
                    count = self.rng.poisson(self.rps * share * self.scrape_s / len(pods)) if rate is not None else 0
                    bad = self.rng.binomial(count, rate) if rate is not None else 0
                    counters["200"] = counters.get("200", 0.0) + count - bad
                    if bad or "500" in counters:
                        counters["500"] = counters.get("500", 0.0) + bad
            for side, pods in (("stable", self.stable), ("canary", self.canary)):
                for pod, counters in pods.items():
                    for code, value in counters.items():
                        self.prometheus.scrape(self.now_s, side, value, pod=pod, code=code)
