"""The installation: every file is used, the pods are restricted, and every room may do what it does and no more."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from rollouts.cli.main import root
from rollouts.kube import kinds
from rollouts.kube.ref import Kind
from rollouts.shell.admission import JUDGED
from rollouts.shell.settings import DEFAULTS
from rollouts.shell.wiring import interests, rooms
from tests.deploy.kustomize import build, files

HERE = Path(__file__).parents[2]
DEPLOY = HERE / "deploy"
INSTALLATIONS = (".", "namespaced")
ADDITIONS = ("webhook", "gitops")
ALERTS = "alerts"
READ = ("get", "list", "watch")

WRITES: tuple[tuple[Kind, str, tuple[str, ...]], ...] = (
    (kinds.ROLLOUT, "", ("patch",)),
    (kinds.ROLLOUT, "status", ("patch",)),
    (kinds.REPLICA_SET, "", ("create", "patch", "delete")),
    (kinds.SERVICE, "", ("patch",)),
    (kinds.INGRESS, "", ("create", "patch")),
    (kinds.ANALYSIS_RUN, "", ("create", "patch", "delete")),
    (kinds.EVENT, "", ("create", "patch")),
    (kinds.SECRET, "", ("get",)),
)
"""What the rooms and the shell send; a kind in a plan that is not here is refused by the cluster."""


def rules(manifests: Iterable[dict[str, Any]], prefix: str = "") -> list[dict[str, Any]]:
    """The rules bound to the controller's account in this installation."""
    everything = list(manifests)
    bound = {
        (each["roleRef"]["kind"], each["roleRef"]["name"])
        for each in everything
        if each["kind"] in ("RoleBinding", "ClusterRoleBinding")
        and any(subject["name"] == "rollouts" for subject in each["subjects"])
    }
    return [
        rule
        for each in everything
        if (each["kind"], each["metadata"]["name"]) in bound and each["metadata"]["name"].startswith(prefix)
        for rule in each["rules"]
    ]


def is_granted(granted: Iterable[dict[str, Any]], kind: Kind, verb: str, subresource: str = "") -> bool:
    """Whether any rule allows it."""
    resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
    return any(
        kind.group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"] for rule in granted
    )


def test_every_file_under_deploy_is_part_of_an_installation() -> None:
    used = {
        path
        for name in (*INSTALLATIONS, *ADDITIONS, ALERTS)
        for path in files(DEPLOY / name)
        if path.is_relative_to(DEPLOY)
    }

    assert set(DEPLOY.rglob("*.yaml")) == used


def test_the_crds_that_are_installed_are_the_ones_that_exist() -> None:
    assert {path.name for path in files(HERE / "crds")} == {"Kustomization"} | {
        path.name for path in (HERE / "crds").glob("*.yaml")
    }


@pytest.mark.parametrize("name", (*INSTALLATIONS, *ADDITIONS))
def test_every_manifest_says_what_it_is_and_no_two_are_the_same(name: str) -> None:
    made = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in build(DEPLOY / name)]

    assert len(made) == len(set(made))


@pytest.mark.parametrize("name", (*INSTALLATIONS, *ADDITIONS))
def test_the_pods_are_restricted(name: str) -> None:
    (deployment,) = (each for each in build(DEPLOY / name) if each["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    guard = container["securityContext"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert guard["allowPrivilegeEscalation"] is False
    assert guard["readOnlyRootFilesystem"] is True
    assert guard["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all("hostPath" not in volume for volume in pod["volumes"])
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", (*INSTALLATIONS, "gitops"))
def test_selectors_find_the_pods(name: str) -> None:
    made = {each["kind"]: each for each in build(DEPLOY / name)}
    labels = made["Deployment"]["spec"]["template"]["metadata"]["labels"].items()

    for selector in (
        made["Deployment"]["spec"]["selector"]["matchLabels"],
        made["Service"]["spec"]["selector"],
        made["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    assert made["PodDisruptionBudget"]["spec"]["minAvailable"] < made["Deployment"]["spec"]["replicas"]


@pytest.mark.parametrize("name", (*INSTALLATIONS, *ADDITIONS))
def test_the_controller_knows_every_flag_it_is_started_with(name: str) -> None:
    (deployment,) = (each for each in build(DEPLOY / name) if each["kind"] == "Deployment")
    command, *args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    import click

    known = root.get_command(click.Context(root), command)
    assert known is not None
    flags = {flag for param in known.params for flag in (*param.opts, *param.secondary_opts)}

    assert {arg.split("=")[0] for arg in args} <= flags


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_what_the_rooms_read_and_write_is_granted(name: str) -> None:
    granted = rules(build(DEPLOY / name))
    read = {interest.kind for interest in interests(rooms(("delivery",)))}
    needed = [(kind, "", verb) for kind in read for verb in READ]
    needed += [(kind, sub, verb) for kind, sub, verbs in WRITES for verb in verbs]

    missing = [
        f"{verb} {kind.plural}/{sub}"
        for kind, sub, verb in needed
        if (kind.namespaced or name == ".") and not is_granted(granted, kind, verb, sub)
    ]

    assert not missing


def test_nothing_is_granted_by_a_star_and_secrets_are_only_got() -> None:
    granted = [rule for name in INSTALLATIONS for rule in rules(build(DEPLOY / name))]

    for rule in granted:
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]), rule
        assert "secrets" not in rule["resources"] or rule["verbs"] == ["get"], rule


def test_the_namespaced_roles_are_the_rooms_roles() -> None:
    for room in ("rollouts-delivery", "rollouts-runs"):
        assert rules(build(DEPLOY / "namespaced"), room) == rules(build(DEPLOY), room)


def test_a_namespaced_installation_grants_nothing_beyond_its_namespace() -> None:
    assert not [each for each in build(DEPLOY / "namespaced") if each["kind"].startswith("Cluster")]


def test_the_lease_that_is_granted_is_the_lease_that_is_kept() -> None:
    granted = rules(build(DEPLOY), "rollouts-lease")

    assert [rule.get("resourceNames") for rule in granted] == [None, [DEFAULTS.lease_name]]
    assert granted[1]["verbs"] == ["get", "update"]


def test_the_sync_core_may_do_by_name_what_it_does_for_itself() -> None:
    made = list(build(DEPLOY / "gitops"))
    (own,) = (each for each in made if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "rollouts-gitops")
    read = {interest.kind for interest in interests(rooms(("gitops",)))}
    needed = [(kind, verb) for kind in read for verb in READ]
    needed += [(kinds.APPLICATION, "patch"), (kinds.EVENT, "create"), (kinds.SECRET, "list"), (kinds.CONFIG_MAP, "get")]

    assert [f"{verb} {kind.plural}" for kind, verb in needed if not is_granted(own["rules"], kind, verb)] == []


def test_the_sync_core_keeps_a_lease_of_its_own() -> None:
    (role,) = (each for each in build(DEPLOY / "gitops") if each["kind"] == "Role")

    assert [rule.get("resourceNames") for rule in role["rules"]] == [None, ["rollouts-gitops-lock"]]


def test_whoever_may_edit_may_promote() -> None:
    roles = {each["metadata"]["name"]: each for each in build(DEPLOY) if each["kind"] == "ClusterRole"}
    edit = roles["rollouts-edit"]

    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert is_granted(edit["rules"], kinds.ROLLOUT, "patch", "status")
    assert not is_granted(roles["rollouts-view"]["rules"], kinds.ROLLOUT, "patch", "status")


def test_only_whoever_may_read_secrets_and_make_jobs_anyway_may_measure() -> None:
    """A run asks with a Secret's value, and may make a Job, in the controller's name: no right for everybody."""
    measured = (kinds.ANALYSIS_RUN, kinds.ANALYSIS_TEMPLATE, kinds.ROLLOUT, kinds.EXPERIMENT)
    people = [each for each in build(DEPLOY) if each["metadata"]["name"] in ("rollouts-view", "rollouts-edit")]
    granted = {
        tuple(sorted(label.rpartition("/")[2] for label in each["metadata"]["labels"]))
        for each in people
        for kind in measured
        if is_granted(each["rules"], kind, "create") or is_granted(each["rules"], kind, "patch")
    }

    assert len(people) == 2
    assert granted == {("aggregate-to-admin", "aggregate-to-edit")}


def test_the_webhook_is_asked_about_every_kind_it_judges_and_stops_nobody_when_away() -> None:
    (configuration,) = (each for each in build(DEPLOY / "webhook") if each["kind"] == "ValidatingWebhookConfiguration")
    (webhook,) = configuration["webhooks"]
    (service,) = (each for each in build(DEPLOY / "webhook") if each["kind"] == "Service")

    assert (webhook["failurePolicy"], webhook["timeoutSeconds"]) == ("Ignore", 5)
    assert set(webhook["rules"][0]["resources"]) == {kind.plural for kind in JUDGED}
    assert webhook["clientConfig"]["service"]["name"] == service["metadata"]["name"]
    assert rules(build(DEPLOY / "webhook")) == []
