"""Commands that make objects, and dry runs, against the embedded cluster over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rollouts.kube.kinds import ANALYSIS_RUN, ROLLOUT
from rollouts.kube.ref import Ref
from tests.cli.cluster import Cluster
from tests.cli.conftest import Type

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-canary-nginx"
METRIC = {
    "name": "rate",
    "successCondition": "result[0] > 0.9",
    "provider": {"prometheus": {"address": "http://prometheus:9090", "query": "rate{service='{{args.service}}'}"}},
}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(serves_pods=False) as own:
        own.do(lambda devplane: devplane.create(template("rate", metrics=[METRIC])))
        own.do(lambda devplane: devplane.create(template("outer", templates=[{"templateName": "rate"}])))
        yield own


def template(name: str, **spec: object) -> dict[str, object]:
    """An AnalysisTemplate that needs a service."""
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": name}}
    return {**head, "spec": {"args": [{"name": "service"}], **spec}}


def test_objects_are_created_from_a_file(cluster: Cluster, typed: Type) -> None:
    outcome = typed("create", "-f", str(EXAMPLE / "rollout.yaml"), "-s", cluster.url)

    assert (outcome.code, outcome.out) == (0, "rollout.argoproj.io/web created\n")
    assert cluster.do(lambda devplane: devplane.store.get(Ref(ROLLOUT, "default", "web")))


def test_what_is_there_already_is_not_tried_again(cluster: Cluster, typed: Type) -> None:
    typed("create", "-f", str(EXAMPLE / "rollout.yaml"), "-s", cluster.url)
    outcome = typed("create", "-f", str(EXAMPLE / "rollout.yaml"), "-s", cluster.url)

    assert outcome.code == 1
    assert "already exists" in outcome.err
    assert "kubectl apply -f FILE" in outcome.err


def test_a_dry_run_on_the_server_stores_nothing(cluster: Cluster, typed: Type) -> None:
    dry = typed("create", "-f", str(EXAMPLE / "rollout.yaml"), "--dry-run=server", "-s", cluster.url)
    typed("create", "-f", str(EXAMPLE / "rollout.yaml"), "-s", cluster.url)
    paused = typed("pause", "web", "--dry-run=server", "-o", "jsonpath={.spec.paused}", "-s", cluster.url)
    spec = cluster.do(lambda devplane: devplane.store.get(Ref(ROLLOUT, "default", "web")))["spec"]

    assert dry.out == "rollout.argoproj.io/web created (server dry run)\n"
    assert paused.out == "true"
    assert "paused" not in spec


def test_a_dry_run_on_the_server_tells_what_the_server_refuses(cluster: Cluster, typed: Type, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((EXAMPLE / "rollout.yaml").read_text().replace("setWeight: 20", "setWeight: lots"))

    outcome = typed("create", "-f", str(bad), "--dry-run=server", "-s", cluster.url)

    assert outcome.code == 1
    assert "setWeight" in outcome.err


def test_what_is_not_ours_is_not_created(cluster: Cluster, typed: Type) -> None:
    outcome = typed("create", "-f", str(EXAMPLE / "services.yaml"), "-s", cluster.url)

    assert outcome.code == 1
    assert "kubectl create -f" in outcome.err


@pytest.mark.parametrize("source", ["rate", "outer"])
def test_a_run_is_made_from_a_template_and_arguments(cluster: Cluster, typed: Type, source: str) -> None:
    words = ("--from", source, "--name", "smoke", "-a", "service=web", "--instance-id", "blue")

    outcome = typed("create", "analysisrun", *words, "-s", cluster.url)

    made = cluster.do(lambda devplane: devplane.store.get(Ref(ANALYSIS_RUN, "default", "smoke")))
    assert outcome.out == "analysisrun.argoproj.io/smoke created\n"
    assert made["spec"]["args"] == [{"name": "service", "value": "web"}]
    assert [metric["name"] for metric in made["spec"]["metrics"]] == ["rate"]
    assert made["metadata"]["labels"] == {"argo-rollouts.argoproj.io/controller-instance-id": "blue"}


def test_a_run_without_a_name_is_named_after_its_template(cluster: Cluster, typed: Type, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(yaml.safe_dump(template("local", metrics=[METRIC])))

    outcome = typed("create", "ar", "--from-file", str(path), "-a", "service=web", "-o", "json", "-s", cluster.url)

    assert json.loads(outcome.out)["metadata"]["name"].startswith("local-")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--from", "rate"), 1, "args.service was not resolved"),
        (("--from", "rate", "-a", "service=web", "-a", "other=1"), 1, "no argument 'other'"),
        (("--from", "rat"), 5, "did you mean 'rate'?"),
        (("--from", "rate", "-a", "service"), 64, "is not NAME=VALUE"),
    ],
)
def test_a_run_that_cannot_be_made_says_why(
    cluster: Cluster, typed: Type, words: tuple[str, ...], code: int, told: str
) -> None:
    outcome = typed("create", "analysisrun", *words, "-s", cluster.url)

    assert outcome.code == code
    assert told in outcome.err
