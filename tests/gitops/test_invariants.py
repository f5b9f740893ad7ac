"""What holds of every sync, whatever happens (G1 to G14; those that are not here stand beside their stories)."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from rollouts.simulation.gitworld import CONTROL, Crash, an_application
from tests.gitops.shop import (
    APP,
    HOOK,
    OPTIONS,
    WAVE,
    a_world,
    automated,
    commits,
    conditions,
    config,
    deployment,
    health,
    job,
    phase,
    project,
    ref,
    refresh,
    resources,
    rows,
    state,
    status,
    sync,
    sync_status,
)

SHUT = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}


@pytest.mark.parametrize(
    ("story", "mark", "more"),
    [
        ("it says so itself", {OPTIONS: "Prune=false"}, {}),
        ("a chart says so", {"helm.sh/resource-policy": "keep"}, {}),
        (
            "somebody owns it",
            {},
            {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}]},
        ),
        ("another Application has it", {"argocd.argoproj.io/tracking-id": "other:/ConfigMap:shop/old"}, {}),
    ],
)
def test_g4_what_left_git_is_not_pruned_where(story: str, mark: dict[str, str], more: dict[str, Any]) -> None:
    world = a_world(config("old"), config("a"), spec=automated())
    world.run(30)
    old = world.get(ref(kinds.CONFIG_MAP, "old")) or {}
    marks = {**old["metadata"]["annotations"], **mark}
    if more:
        world.patch(ref(kinds.CONFIG_MAP, "a"), {"metadata": {"annotations": {"x": "y"}}})
        uid = (world.get(ref(kinds.CONFIG_MAP, "a")) or {})["metadata"]["uid"]
        more = {"ownerReferences": [{**more["ownerReferences"][0], "name": "a", "uid": uid}]}
    world.patch(ref(kinds.CONFIG_MAP, "old"), {"metadata": {"annotations": marks, **more}})
    world.git.push([config("a")])

    refresh(world, wait_s=60)

    assert world.get(ref(kinds.CONFIG_MAP, "old")) is not None


def test_g4_a_kind_that_the_project_stopped_permitting_is_not_pruned() -> None:
    world = a_world(config("old"), config("a"), spec={**automated(), "project": "shop"})
    world.bring(project("shop"))
    world.run(30)
    denied = [{"group": "", "kind": "ConfigMap", "name": "old"}]
    world.patch(Ref(kinds.APP_PROJECT, CONTROL, "shop"), {"spec": {"namespaceResourceBlacklist": denied}})
    world.git.push([config("a")])

    refresh(world, wait_s=60)

    assert world.get(ref(kinds.CONFIG_MAP, "old")) is not None


@pytest.mark.parametrize("at", [3, 5, 7, 9])
@pytest.mark.parametrize("when", ["before", "committed", "answered"])
def test_g5_and_g9_a_hook_is_made_once_whatever_crashes(at: int, when: str) -> None:
    world = a_world(job("migrate", **{HOOK: "PreSync"}), config("a"), spec=automated())
    world.crash_in(Crash(at, when))

    world.run(120)

    assert phase(world) == "Succeeded"
    assert commits(world, "create", kinds.JOB) == ["migrate"]
    assert len(status(world)["history"]) == 1


def test_g5_the_result_of_an_earlier_syncs_job_is_not_this_ones() -> None:
    world = a_world(job("migrate", "migrate:1", **{HOOK: "PreSync"}), config("a", at="1"), spec=automated())
    world.run(60)
    first = (world.get(ref(kinds.JOB, "migrate")) or {})["metadata"]["uid"]
    world.git.push([job("migrate", "migrate:1", **{HOOK: "PreSync"}), config("a", at="2")])

    refresh(world, wait_s=60)

    assert phase(world) == "Succeeded"
    assert (world.get(ref(kinds.JOB, "migrate")) or {})["metadata"]["uid"] != first


def test_g6_a_wave_begins_when_the_one_before_is_well_and_nothing_begins_after_one_that_failed() -> None:
    world = a_world(deployment("first", **{WAVE: "1"}), config("second", marks={WAVE: "2"}), spec=automated())

    def is_early() -> bool:
        live = world.get(ref(kinds.DEPLOYMENT, "first")) or {}
        ready = (live.get("status") or {}).get("availableReplicas") == 2
        return world.get(ref(kinds.CONFIG_MAP, "second")) is not None and not ready

    assert not world.run(60, until=is_early)
    assert phase(world) == "Succeeded"


def test_g7_a_commit_is_tried_once_with_its_retries() -> None:
    broken = {"apiVersion": "shop.example/v1", "kind": "Unheard", "metadata": {"name": "x"}}
    world = a_world(broken, spec=automated(retry={"limit": 2, "backoff": {"duration": "5s", "factor": 2}}))

    world.run(3600)

    began = [note for note in world.notes if note.reason == "OperationStarted"]
    assert len(began) == 1
    assert state(world)["retryCount"] == 2
    assert "Failed last sync attempt" in conditions(world)["SyncError"]


def test_g8_a_push_in_the_midst_of_a_sync_is_the_next_syncs() -> None:
    things = [deployment("first", "web:1", **{WAVE: "1"}), config("second", marks={WAVE: "2"}, at="1")]
    world = a_world(*things, spec=automated())
    world.run(60, until=lambda: world.get(ref(kinds.DEPLOYMENT, "first")) is not None)
    old = world.git.heads["HEAD"]
    world.git.push([deployment("first", "web:1", **{WAVE: "1"}), config("second", marks={WAVE: "2"}, at="2")])
    world.patch(APP, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})
    mixed = world.run(
        60,
        until=lambda: (
            (state(world).get("syncResult") or {}).get("revision") == old
            and ((world.get(ref(kinds.CONFIG_MAP, "second")) or {}).get("data") or {}).get("at") == "2"
        ),
    )
    world.run(60)

    assert not mixed
    assert [each["revision"] for each in status(world)["history"]] == [old, world.git.heads["HEAD"]]


def test_g11_after_success_there_is_nothing_left_to_apply() -> None:
    world = a_world(deployment("web"), config("a"), spec=automated())
    world.run(60)
    before = len(world.writes)

    world.run(1800)

    later = [written for _, written in world.writes[before:] if written.kind != kinds.APPLICATION]
    assert later == []
    assert (sync_status(world), health(world)) == ("Synced", "Healthy")


def test_g12_an_application_that_is_deformed_deletes_nothing() -> None:
    world = a_world(config("a"), spec=automated())
    world.run(30)

    world.patch(APP, {"spec": {"destination": {"server": "https://gone.example", "name": None}}})
    world.run(120)
    world.patch(APP, {"spec": {"source": None}})
    world.run(120)

    assert world.get(ref(kinds.CONFIG_MAP, "a")) is not None
    assert conditions(world)["InvalidSpecError"]


# Who may do what (the escapes of 7.1: projects, namespaces, forged marks).


def test_cve_2024_31990_an_application_outside_of_the_projects_namespaces_is_not_looked_after() -> None:
    world = a_world(config("a"))
    world.bring({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tenant"}})
    stray = an_application("stray", automated())
    stray["metadata"]["namespace"] = "tenant"
    world.bring(stray)

    world.run(60)

    found = world.get(Ref(kinds.APPLICATION, "tenant", "stray")) or {}
    told = [each["message"] for each in found["status"]["conditions"]]
    assert "is not allowed to use project default" in told[0]
    assert world.get(ref(kinds.CONFIG_MAP, "a")) is None


def test_cve_2022_24768_a_project_that_changes_between_the_look_and_the_sync_is_asked_again_before_each_write() -> None:
    things = [deployment("first", **{WAVE: "1"}), config("second", marks={WAVE: "2"})]
    world = a_world(*things, spec={**automated(), "project": "shop"})
    world.bring(project("shop"))
    world.run(60, until=lambda: world.get(ref(kinds.DEPLOYMENT, "first")) is not None)
    denied = [{"group": "", "kind": "ConfigMap"}]
    world.patch(Ref(kinds.APP_PROJECT, CONTROL, "shop"), {"spec": {"namespaceResourceBlacklist": denied}})

    world.run(60)

    assert world.get(ref(kinds.CONFIG_MAP, "second")) is None
    assert "not permitted in project shop" in rows(world)["ConfigMap/second"]["message"]


def elsewhere(thing: dict[str, Any], **meta: str) -> dict[str, Any]:
    """An object that wants to be in a namespace of the cluster's own."""
    marks = thing["metadata"].get("annotations") or {}
    return {**thing, "metadata": {**meta, "namespace": "kube-system", "annotations": marks}}


ADMIN = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "x"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
}
HOOKED = job("h", **{HOOK: "PreSync"})


@pytest.mark.parametrize(
    ("story", "thing", "said"),
    [
        ("another namespace", config("a", "kube-system"), "namespace kube-system is not permitted"),
        ("a cluster's own kind", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}, "not permitted"),
        ("a hook elsewhere", elsewhere(HOOKED, name="h"), "namespace kube-system is not permitted"),
        ("a generated hook", elsewhere(HOOKED, generateName="h-"), "namespace kube-system is not permitted"),
        ("rights", ADMIN, "resource rbac.authorization.k8s.io:ClusterRoleBinding is not permitted"),
        ("a child of another project", an_application("child", {"project": "default"}), "namespace argocd is not"),
    ],
)
def test_cve_2022_1025_nothing_leaves_the_project(story: str, thing: dict[str, Any], said: str) -> None:
    world = a_world(thing, config("mine"), spec={**automated(retry={"limit": 0}), "project": "shop"})
    world.bring(project("shop", destinations=[{"server": "*", "namespace": "shop"}]))

    world.run(60)

    told = [str(row.get("message")) for row in (state(world).get("syncResult") or {}).get("resources") or []]
    assert any(said in each for each in told), told
    assert phase(world) == "Failed"
    assert world.get(ref(kinds.CONFIG_MAP, "mine")) is None
    assert commits(world, "create", kinds.JOB) == []


def test_a_made_namespace_needs_the_projects_leave() -> None:
    spec = {**automated(retry={"limit": 0}, syncOptions=["CreateNamespace=true"]), "project": "shop"}
    world = a_world(config("a"), spec={**spec, "destination": {"name": "in-cluster", "namespace": "fresh"}})
    world.bring(project("shop"))

    world.run(60)

    assert world.get(ref(kinds.NAMESPACE, "fresh")) is None
    assert "resource :Namespace is not permitted in project shop" in rows(world)["Namespace/fresh"]["message"]


def test_a_mark_that_git_forges_takes_nothing_from_another_application() -> None:
    world = a_world(config("a"), spec=automated())
    world.run(30)
    forged = config("a", marks={"argocd.argoproj.io/tracking-id": "thief:/ConfigMap:shop/a"}, of="thief")
    world.git.push([forged], branch="thief")
    source = {"repoURL": "https://git.example/shop.git", "targetRevision": "thief"}
    world.bring(an_application("thief", {**automated(), "source": source}))

    world.run(120)

    live = world.get(ref(kinds.CONFIG_MAP, "a")) or {}
    assert live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "shop:/ConfigMap:shop/a"
    assert live.get("data") in (None, {})


# Secrets.

WORD = "c3VwZXItc2VjcmV0LXdvcmQ="  # super-secret-word


def secret(name: str = "s", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"word": WORD}, **more}


@pytest.mark.parametrize(
    ("story", "before", "after"),
    [
        ("a changed value", secret(), secret(data={"word": "b3RoZXI="})),
        ("plain text", secret(), secret(stringData={"word": "super-secret-word-2"})),
        ("no base64", secret(), secret(data={"word": "super-secret-word!"})),
        ("a value of a wrong kind", secret(), secret(data={"word": {"super-secret-word": 1}})),
        ("an unchangeable one", secret(immutable=True), secret(immutable=True, data={"word": "b3RoZXI="})),
    ],
)
def test_cve_2025_23216_and_2026_42880_no_value_of_a_secret_is_told(story: str, before: Any, after: Any) -> None:
    world = a_world(before, spec=automated(retry={"limit": 0}))
    world.run(30)
    world.git.push([after])
    refresh(world, wait_s=30)

    told = str(status(world)) + " ".join(note.message for note in world.notes)
    for word in (WORD, "super-secret-word", "b3RoZXI="):
        assert word not in told


def test_cve_2026_45737_what_was_applied_by_a_client_is_no_way_to_read_a_secret() -> None:
    world = a_world(secret())
    world.run(10)
    live = {**secret(), "metadata": {"name": "s", "namespace": "shop", "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": '{"data":{"word":"' + WORD + '"}}'}}}  # fmt: skip
    world.bring(live)
    refresh(world, wait_s=10)

    assert sync_status(world) == "OutOfSync"
    assert resources(world)["Secret/s"]["differences"]
    assert WORD not in str(status(world))


def test_a_closed_window_says_so_and_nothing_is_written() -> None:
    world = a_world(config("a"), spec={**automated(), "project": "shop"})
    world.bring(project("shop", syncWindows=[SHUT]))
    world.run(60)

    sync(world)

    assert "blocked by sync window" in state(world)["message"]
    assert world.get(ref(kinds.CONFIG_MAP, "a")) is None
