"""`explain` decides as the controller would, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rollouts.devplane.server import Devplane
from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Ref
from tests.cli.cluster import Cluster
from tests.cli.conftest import Type

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-canary-nginx"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The first example, as a person has just applied it; no controller runs."""

    def furnish(devplane: Devplane) -> None:
        for path in sorted(EXAMPLE.glob("*.yaml")):
            devplane.create_all(yaml.safe_load_all(path.read_text()))

    with Cluster() as made:
        made.do(furnish)
        yield made


def test_the_letter_and_its_rule_are_shown(cluster: Cluster, typed: Type) -> None:
    outcome = typed("explain", "web", "-s", cluster.url)

    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Rollout/default/web at ")
    assert "\nrule: revision 1 has a new pod template\n" in outcome.out
    assert "  status.phase: Progressing\n" in outcome.out


def test_the_letter_is_told_to_programs_in_its_parts(cluster: Cluster, typed: Type) -> None:
    letter = json.loads(typed("explain", "web", "-s", cluster.url, "-o", "json").out)
    rule = typed("explain", "web", "-s", cluster.url, "-o", "jsonpath={.rule}").out

    assert letter["object"] == "Rollout/default/web"
    assert letter["rule"] == rule == "revision 1 has a new pod template"
    assert letter["remember"]["status"]


def test_an_experiment_is_explained_as_well(cluster: Cluster, typed: Type) -> None:
    pods = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "demo/web:1"}]}}
    template = {"name": "a", "selector": {"matchLabels": {"app": "a"}}, "template": pods}
    trial = {
        "apiVersion": ROLLOUT.api_version,
        "kind": "Experiment",
        "metadata": {"name": "trial", "namespace": "default"},
        "spec": {"templates": [template]},
    }
    cluster.do(lambda devplane: devplane.create(trial))

    assert typed("explain", "exp/trial", "-s", cluster.url).out.startswith("Experiment/default/trial at ")


def test_a_run_asks_the_prometheus_that_the_environment_names(
    cluster: Cluster, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def a_run(devplane: Devplane) -> None:
        metric = {"name": "rate", "successCondition": "true", "provider": {"prometheus": {"query": "up"}}}
        meta = {"name": "alone", "namespace": "default"}
        begun = {"phase": "Running", "startedAt": "2026-01-01T00:00:00Z"}
        counts = {"runSummary": {"count": 1}, "dryRunSummary": {}}
        stage = {"status": begun | counts, "spec": {"metrics": [metric]}}
        devplane.create({"apiVersion": ROLLOUT.api_version, "kind": "AnalysisRun", "metadata": meta, **stage})

    cluster.do(a_run)
    without = typed("explain", "ar/alone", "-s", cluster.url)
    monkeypatch.setenv("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS", "http://own.example:9090")
    outcome = typed("explain", "ar/alone", "-s", cluster.url)

    assert "PromQuery" not in without.out
    assert "ask:\n  PromQuery: up\n" in outcome.out


def test_nothing_is_written(cluster: Cluster, typed: Type) -> None:
    before = cluster.do(lambda devplane: devplane.store.version)

    typed("explain", "ro/web", "-s", cluster.url)

    assert cluster.do(lambda devplane: devplane.store.version) == before


def test_a_refused_spec_is_explained_by_its_refusal(cluster: Cluster, typed: Type) -> None:
    def forget_service(devplane: Devplane) -> None:
        sick = dict(devplane.store.get(Ref(ROLLOUT, "default", "web")))
        spec = {**sick["spec"], "strategy": {"canary": {**sick["spec"]["strategy"]["canary"], "stableService": "gone"}}}
        meta = {"name": "sick", "namespace": "default"}
        devplane.create({"apiVersion": sick["apiVersion"], "kind": "Rollout", "metadata": meta, "spec": spec})

    cluster.do(forget_service)

    outcome = typed("explain", "sick", "-s", cluster.url)

    assert "rule: the spec is refused: spec.strategy.canary.stableService" in outcome.out


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("wbe", 5, "did you mean 'web'?"),
        ("ar/web", 5, "AnalysisRun/default/web not found"),
        ("rolout/web", 64, "did you mean 'rollout'"),
    ],
)
def test_what_cannot_be_explained_is_said(cluster: Cluster, typed: Type, name: str, code: int, told: str) -> None:
    outcome = typed("explain", name, "-s", cluster.url)

    assert outcome.code == code
    assert told in outcome.err
