"""The ready templates: each is parsed, linted, and run on a service that is well and on one that is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from analysis import library, measuring
from analysis.asks import HttpReply, PromQueries
from analysis.compare.matchers import read_matchers
from analysis.errors import AnalysisError
from analysis.model import MetricState, read_metrics
from analysis.phase import Phase
from analysis.providers import Surroundings
from analysis.templates import build_run_spec
from analysis.verdict import judge
from rollouts.cli.lint import Source, lint
from rollouts.devplane.metrics import SeriesStore, matrix_of
from rollouts.devplane.promeval import evaluate, raw
from rollouts.devplane.promql import parse

TEMPLATES = dict(library.templates())
SOURCES = ("nginx", "istio", "envoy", "traefik", "client")
BOUNDS = (0.005, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
SELECTOR = re.compile(r"([a-z_]+)\{([^{}]*)\}")


def a_run(name):
    """The run of a template, its open arguments answered."""
    spec = TEMPLATES[name]["spec"]
    args = [{"name": arg["name"], "value": f"my-{arg['name']}"} for arg in spec.get("args", ()) if "value" not in arg]
    return build_run_spec([spec], args)


def a_label(operator, value):
    """A value that the matcher accepts."""
    if operator == "=":
        return value
    if operator == "=~":
        return value.split("|")[0].replace(".*", "x1").replace(".", "0")
    return "other" if operator == "!=" else "200"


class Service:
    """Series for every selector of a run: canary and stable with 200 rps, 10 % to the canary."""

    def __init__(self, metrics, canary_rate, slower=1.0):
        self.rng, self.store, self.now_s = np.random.default_rng(1), SeriesStore(), 0.0
        self.rate, self.slower = canary_rate, slower
        texts = [str(text) for metric in metrics for text in metric.query.values()]
        self.families = {}
        for name, inside in SELECTOR.findall(" ".join(texts)):
            self.families.setdefault(name, []).append(self.labels(inside))
        self.codes = re.search(r"""\b(status|response_code|envoy_response_code_class|code)(?:!|=)""", " ".join(texts))
        self.counts = {}

    @staticmethod
    def labels(inside):
        found = {each.label: a_label(each.operator, each.value) for each in read_matchers(inside)}
        return {name: value for name, value in found.items() if "code" not in name and name != "status"}

    def run(self, seconds):
        for _ in range(round(seconds / 10)):
            self.now_s += 10
            told = []
            for name, sides in self.families.items():
                unique = [dict(pairs) for pairs in dict.fromkeys(tuple(sorted(side.items())) for side in sides)]
                for number, labels in enumerate(unique):
                    is_canary = number == 0
                    for pod in range(1 if is_canary else 4):
                        told += self.series(name, labels, is_canary, pod, 20 if is_canary else 45)
            self.store.scrape(self.now_s, told)

    def series(self, name, labels, is_canary, pod, rps):
        labels = {"pod": f"p-{is_canary}-{pod}", **labels} if "pod" not in labels else {**labels, "instance": str(pod)}
        key = (name, is_canary, pod, tuple(sorted(labels.items())))
        count = self.rng.poisson(10 * rps)
        if name.endswith("_bucket"):
            unit = 1000 if "millis" in name or "rq_time" in name else 1
            times = self.rng.lognormal(np.log(0.08), 0.5, count) * (self.slower if is_canary else 1)
            more = np.array([*((times <= bound).sum() for bound in BOUNDS), count])
            total = self.counts[key] = self.counts.get(key, 0) + more
            names = [f"{bound * unit:g}" for bound in BOUNDS] + ["+Inf"]
            return [(name, {**labels, "le": le}, float(value)) for le, value in zip(names, total, strict=True)]
        if name.startswith("kube_"):
            return [(name, labels, 1.0)]
        if "cpu" in name or "memory" in name:
            level = self.rate if "memory" in name else self.counts.get(key, 0.0) + 10 * self.rate
            self.counts[key] = level
            return [(name, {**labels, "container": "c"}, level)]
        bad = self.rng.binomial(count, self.rate if is_canary else 0.001)
        total = self.counts[key] = self.counts.get(key, np.zeros(2)) + np.array([count - bad, bad])
        is_class = self.codes.group(1).endswith("class")
        codes = ("2", "5") if is_class else ("200", "503")
        return [(name, {**labels, self.codes.group(1): code}, float(value))
                for code, value in zip(codes, total, strict=True)]  # fmt: skip

    def answer(self, question):
        if isinstance(question, PromQueries):
            return tuple(self.raw(query.query) for query in question.queries)
        found = evaluate(parse(question.query), self.store, self.now_s)
        result = [{"metric": dict(labels), "value": [self.now_s, str(value)]} for labels, value in found.items()]
        return HttpReply(200, {"status": "success", "data": {"resultType": "vector", "result": result}})

    def raw(self, query):
        result = matrix_of(raw(parse(query), self.store, self.now_s))
        return HttpReply(200, {"status": "success", "data": {"resultType": "matrix", "result": result}})


def outcome(name, canary_rate, slower=1.0):
    """How the run ends, or stands after ten minutes."""
    metrics = read_metrics(a_run(name))
    service = Service(metrics, canary_rate, slower)
    service.run(900)
    states = [MetricState(metric.name) for metric in metrics]
    for _ in range(65):
        for place, metric in enumerate(metrics):
            if states[place].is_completed:
                continue
            memory = states[place].metadata.get(measuring.MEMORY, "")
            question = measuring.ask(metric, Surroundings(service.now_s, "http://prom:9090", memory))
            answer = service.answer(question)
            states[place], _ = measuring.taken(metric, states[place], answer, "", service.now_s, service.now_s)
        verdict = judge(metrics, states)
        states = list(verdict.states)
        if verdict.phase.is_completed:
            return verdict.phase
        service.run(10)
    return verdict.phase


@pytest.mark.parametrize("path", sorted(Path(library.__file__).parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_nothing_in_the_library_needs_mending(path):
    assert lint([Source(path.name, path.read_text())]) == ()


def test_there_is_a_template_for_every_purpose_and_source():
    kinds = ("success-rate", "latency", "burn", "against-stable")
    expected = {f"{source}-{kind}" for source in SOURCES for kind in kinds}

    assert set(TEMPLATES) == expected | {"pods-cpu-saturation", "pods-memory-saturation"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_service_that_is_well_passes(name):
    rate = 0.3 if name.startswith("pods") else 0.001

    assert outcome(name, rate) in ({Phase.RUNNING} if name.endswith("burn") else {Phase.SUCCESSFUL})


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_service_that_is_not_fails(name):
    assert outcome(name, 0.97 if name.startswith("pods") else 0.5, slower=20.0) is Phase.FAILED


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(AnalysisError, match="nginx-latency"):
        library.read("nginx")
