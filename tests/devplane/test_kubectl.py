"""The stock kubectl works on the embedded cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollouts.devplane.child import program
from tests.cli.cluster import Cluster
from tests.plane.leftout import leave_out

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-canary-nginx"
Kubectl = Callable[..., str]

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {x: "%s"}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Kubectl:
    found = program("kubectl")
    if found is None:
        leave_out(request.config, "kubectl", "not on the PATH")
    folder = tmp_path_factory.mktemp("kubectl")
    kubeconfig = cluster.do(lambda devplane: devplane.write_kubeconfig(folder / "kubeconfig"))

    def run(*arguments: str, given: str = "", fails: bool = False) -> str:
        command = [found, f"--kubeconfig={kubeconfig}", f"--cache-dir={folder}/cache", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode != 0) is fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_apply_makes_then_configures_then_leaves_alone(kubectl: Kubectl):
    said = [kubectl("apply", "-f", "-", given=CONFIG_MAP % value).strip() for value in ("1", "2", "2")]

    assert said == ["configmap/a created", "configmap/a configured", "configmap/a unchanged"]
    assert kubectl("get", "configmap", "a", "-o", "jsonpath={.data.x}") == "2"


def test_server_side_apply_tells_of_a_conflict(kubectl: Kubectl):
    text = CONFIG_MAP.replace("name: a", "name: b")
    kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", given=text % "1")
    refused = kubectl("apply", "--server-side", "--field-manager=two", "-f", "-", given=text % "2", fails=True)

    assert 'conflict with "one": .data.x' in refused


def test_the_example_is_applied_shown_patched_and_deleted(kubectl: Kubectl):
    said = kubectl("apply", "-f", str(EXAMPLE))
    table = kubectl("get", "rollouts")
    short = kubectl("get", "ro", "web", "-o", "name")
    kubectl("patch", "rollout", "web", "--type=merge", "-p", '{"spec":{"paused":true}}')
    kubectl("scale", "rollout", "web", "--replicas=2")
    spec = kubectl("get", "rollout", "web", "-o", "jsonpath={.spec.paused} {.spec.replicas}")
    described = kubectl("describe", "rollout", "web")
    deleted = kubectl("delete", "-f", str(EXAMPLE))

    assert "rollout.argoproj.io/web created" in said
    assert table.split()[:5] == ["NAME", "DESIRED", "CURRENT", "UP-TO-DATE", "AVAILABLE"]
    assert short.strip() == "rollout.argoproj.io/web"
    assert spec == "true 2"
    assert "Stable Service:" in described
    assert 'rollout.argoproj.io "web" deleted' in deleted


def test_rollouts_are_selected_by_their_phase(kubectl: Kubectl):
    text = (EXAMPLE / "rollout.yaml").read_text()
    for name, phase in (("held", "Paused"), ("done", "Healthy")):
        kubectl("create", "-f", "-", given=text.replace("name: web\n", f"name: {name}\n", 1))
        patch = json.dumps({"status": {"phase": phase}})
        kubectl("patch", "ro", name, "--subresource=status", "--type=merge", "-p", patch)

    assert kubectl("get", "ro", "--field-selector=status.phase=Paused", "-o", "name").split() == [
        "rollout.argoproj.io/held"
    ]
    assert "not supported: spec.paused" in kubectl("get", "ro", "--field-selector=spec.paused=true", fails=True)
    kubectl("delete", "ro", "held", "done")


def test_an_invalid_rollout_is_refused_with_its_field(kubectl: Kubectl):
    bad = (EXAMPLE / "rollout.yaml").read_text().replace("setWeight: 20", "setWait: 20")
    refused = kubectl("apply", "-f", "-", given=bad, fails=True)

    assert "setWait" in refused


def test_wait_sees_pods_come_and_go(kubectl: Kubectl):
    pod = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[%s]}}'
    kubectl("create", "-f", "-", given=pod % '{"name":"c","image":"demo/web:good-1","ports":[{"containerPort":8080}]}')
    ready = kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    row = kubectl("get", "pods", "--no-headers").split()
    gone = kubectl("delete", "pod", "p", "--timeout=20s")

    assert ready.strip() == "pod/p condition met"
    assert row[:3] == ["p", "1/1", "Running"]
    assert 'pod "p" deleted' in gone


def test_our_crds_are_established(kubectl: Kubectl):
    said = kubectl("wait", "--for=condition=established", "crd/rollouts.argoproj.io", "--timeout=10s")

    assert "condition met" in said


def test_what_is_there_can_be_discovered(kubectl: Kubectl):
    listed = kubectl("api-resources", "--api-group=argoproj.io", "-o", "name").split()

    assert "rollouts.argoproj.io" in listed
    assert "v1.35" in kubectl("version", "-o", "json")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("rollout.spec.strategy.canary.steps", "setWeight\t<integer>"),
        ("analysistemplate.spec.metrics", "successCondition\t<string>"),
        ("pod.spec.containers", "image\t<string>"),
        ("deployment.spec.template.spec", "containers\t<[]Container>"),
        ("replicaset.status", "readyReplicas\t<integer>"),
        ("service.spec.ports", "targetPort\t<IntOrString>"),
        ("ingress.spec.rules.http.paths.backend", "service\t<IngressServiceBackend>"),
        ("configmap", "data\t<map[string]string>"),
        ("job.spec", "backoffLimit\t<integer>"),
        ("lease.spec", "holderIdentity\t<string>"),
    ],
)
def test_every_kind_is_explained(kubectl: Kubectl, path: str, told: str):
    assert told in kubectl("explain", path)


def test_a_client_side_apply_takes_a_container_away_again(kubectl: Kubectl):
    pod = (
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: two}, spec: {replicas: 0, selector: {matchLabels: "
        "{a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [%s]}}}}"
    )
    kubectl("apply", "-f", "-", given=pod % "{name: p, image: p:1}, {name: q, image: q:1}")
    kubectl("apply", "-f", "-", given=pod % "{name: q, image: q:2}")

    names = kubectl("get", "deployment", "two", "-o", "jsonpath={.spec.template.spec.containers[*]['name','image']}")
    assert names == "q q:2"


@pytest.mark.parametrize(
    ("words", "path", "value"),
    [
        ("namespace made", "{.status.phase}", "Active"),
        ("configmap made --from-literal=a=b", "{.data}", '{"a":"b"}'),
        ("secret generic made --from-literal=a=b", "{.data.a} {.type}", "Yg== Opaque"),
        ("service clusterip made --tcp=80:8080", "{.spec.ports[0].targetPort} {.spec.ports[0].protocol}", "8080 TCP"),
        ("service externalname made --external-name=a.b", "{.spec.externalName}", "a.b"),
        ("job made --image=demo/web:good-1", "{.spec.template.spec.restartPolicy}", "Never"),
        ("cronjob made --image=x --schedule=*/5_*_*_*_*", "{.spec.schedule}", "*/5 * * * *"),
        ("ingress made --class=nginx --rule=a.b/*=s:80", "{.spec.rules[0].http.paths[0].backend}",
         '{"service":{"name":"s","port":{"number":80}}}'),
        ("deployment made --image=demo/web:good-1 --replicas=0", "{.spec.replicas}", "0"),
        ("role made --verb=get --resource=pods", "{.rules[0].resources[0]}", "pods"),
        ("rolebinding made --role=made --user=ann", "{.subjects[0].name}", "ann"),
        ("quota made --hard=pods=2", "{.spec.hard.pods}", "2"),
        ("poddisruptionbudget made --selector=a=b --min-available=50%", "{.spec.minAvailable}", "50%"),
        ("serviceaccount made", "{.metadata.name}", "made"),
    ],
)  # fmt: skip
def test_what_kubectl_makes_without_a_file_is_what_was_meant(kubectl: Kubectl, words: str, path: str, value: str):
    kind = words.split()[0]
    kubectl("create", *(word.replace("_", " ") for word in words.split()))
    made = kubectl("get", kind, "made", "-o", f"jsonpath={path}")
    kubectl("delete", kind, "made", "--wait=false")

    assert made == value


def test_a_deployment_is_rolled_out_back_and_shown(kubectl: Kubectl):
    kubectl("create", "deployment", "rolled", "--image=demo/web:good-1")
    kubectl("rollout", "status", "deployment/rolled", "--timeout=30s")
    kubectl("set", "image", "deployment/rolled", "web=demo/web:good-2")
    said = kubectl("rollout", "status", "deployment/rolled", "--timeout=30s")
    history = kubectl("rollout", "history", "deployment/rolled").split()
    kubectl("rollout", "undo", "deployment/rolled")
    image = kubectl("get", "deployment", "rolled", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
    exposed = kubectl("expose", "deployment", "rolled", "--port=80")
    kubectl("delete", "deployment,service", "rolled")

    assert "successfully rolled out" in said
    assert history[-4:] == ["1", "<none>", "2", "<none>"]
    assert image == "demo/web:good-1"
    assert exposed.strip() == "service/rolled exposed"


def test_rights_and_identity_are_told(kubectl: Kubectl):
    assert kubectl("auth", "can-i", "delete", "rollouts").strip() == "yes"
    assert "*.*" in kubectl("auth", "can-i", "--list")
    assert "devplane" in kubectl("auth", "whoami")


def test_what_a_pod_cannot_do_here_is_said(kubectl: Kubectl):
    kubectl("run", "plain", "--image=demo/web:good-1")
    kubectl("wait", "--for=condition=Ready", "pod/plain", "--timeout=20s")
    told = [kubectl(*words, fails=True) for words in (("logs", "plain"), ("exec", "plain", "--", "ls"))]
    kubectl("delete", "pod", "plain", "--wait=false")

    assert all("pods of the embedded cluster have no containers" in each for each in told)


def test_a_difference_is_shown_before_it_is_applied(kubectl: Kubectl):
    kubectl("apply", "-f", str(EXAMPLE / "rollout.yaml"))
    same = kubectl("diff", "-f", str(EXAMPLE / "rollout.yaml"))
    changed = (EXAMPLE / "rollout.yaml").read_text().replace("setWeight: 20", "setWeight: 21")
    kubectl("diff", "-f", "-", given=changed, fails=True)

    assert same == ""
    assert kubectl("events", "--for", "rollout/web") == ""


def test_our_templates_and_columns_say_what_kubectl_says(kubectl: Kubectl, cluster: Cluster, capsys):
    from rollouts.cli.main import main

    kubectl("apply", "-f", str(EXAMPLE / "rollout.yaml"))
    forms = (
        "jsonpath={.metadata.name} {.spec.replicas} {.spec.strategy.canary.steps[*].setWeight}",
        "jsonpath={range .spec.strategy.canary.steps[*]}[{.setWeight}]{end}",
        "jsonpath={.spec.strategy.canary.steps[?(@.setWeight)].setWeight}",
        "jsonpath={.spec.selector}",
        "custom-columns=NAME:.metadata.name,N:.spec.replicas,NOTHING:.spec.nothing",
        "go-template={{range .spec.strategy.canary.steps}}{{with .setWeight}}{{.}} {{end}}{{end}}",
        'go-template={{printf "%-8s|%03d" .metadata.name .spec.replicas}} {{.spec.selector}} {{.spec.nothing}}',
    )
    for form in forms:
        capsys.readouterr()
        assert main(["get", "rollout", "web", "-o", form, "-s", cluster.url]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines == [line.split() for line in kubectl("get", "rollout", "web", "-o", form).splitlines()], form
