"""Sync options, each told by what it does to a cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rollouts.devplane.history import Commit
from rollouts.devplane.request import WriteOptions
from rollouts.gitops.diff.compare import LAST_APPLIED, MANAGER
from rollouts.gitops.tracking import ANNOTATION
from rollouts.kube import kinds
from rollouts.simulation.gitworld import START
from tests.gitops.shop import (
    APP,
    HOOK,
    ONCE,
    OPTIONS,
    WAVE,
    a_world,
    automated,
    commits,
    conditions,
    config,
    deployment,
    job,
    phase,
    project,
    ref,
    refresh,
    resources,
    rows,
    service,
    state,
    status,
    sync,
    sync_status,
)

APPROVED = "argocd.argoproj.io/deletion-approved"
BY_KUBECTL = WriteOptions(manager="kubectl-client-side-apply")


def unheard(**marks: str) -> dict[str, Any]:
    meta = {"name": "thing", **({"annotations": marks} if marks else {})}
    return {"apiVersion": "shop.example/v1", "kind": "Unheard", "metadata": meta, "spec": {}}


def its_definition() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {
        "group": "shop.example",
        "scope": "Namespaced",
        "names": {"kind": "Unheard", "plural": "unheards"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
    }
    meta = {"name": "unheards.shop.example"}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}


def test_a_job_that_changes_is_made_anew_where_its_options_say_so():
    again = {OPTIONS: "Replace=true,Force=true"}
    world = a_world(job("migrate", "migrate:1", **again), spec=automated())
    world.run(30)
    world.git.push([job("migrate", "migrate:2", **again)])

    refresh(world, wait_s=30)

    live = world.get(ref(kinds.JOB, "migrate"))
    assert (phase(world), sync_status(world)) == ("Succeeded", "Synced")
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "migrate:2"
    assert commits(world, "create", kinds.JOB) == ["migrate", "migrate"]


def test_replace_puts_the_whole_object():
    world = a_world(config("settings", marks={OPTIONS: "Replace=true"}, colour="blue"), spec=automated())
    world.run(20)
    world.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"theirs": "gone"}})
    world.git.push([config("settings", marks={OPTIONS: "Replace=true"}, colour="red")])

    refresh(world, wait_s=20)

    assert world.get(ref(kinds.CONFIG_MAP, "settings"))["data"] == {"colour": "red"}
    assert sync_status(world) == "Synced"


def test_a_client_side_apply_merges_three_ways():
    spec = automated(syncOptions=["ServerSideApply=false"])
    world = a_world(config("settings", colour="blue", size="m"), deployment("web"), spec=spec)
    world.run(30)
    world.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"theirs": "stays"}})
    world.git.push([config("settings", colour="red"), deployment("web", image="web:2")])

    refresh(world, wait_s=30)

    live = world.get(ref(kinds.CONFIG_MAP, "settings"))
    assert live["data"] == {"colour": "red", "theirs": "stays"}
    assert json.loads(live["metadata"]["annotations"][LAST_APPLIED])["data"] == {"colour": "red"}
    assert (phase(world), sync_status(world)) == ("Succeeded", "Synced")


def test_only_what_differs_is_applied_where_that_is_wished():
    world = a_world(config("one"), config("two"), spec=automated(syncOptions=["ApplyOutOfSyncOnly=true"]))
    world.run(20)
    world.writes.clear()
    world.git.push([config("one"), config("two", changed="yes")])

    refresh(world, wait_s=20)

    assert commits(world, "apply", kinds.CONFIG_MAP) == ["two"]


def test_waves_wait_for_health_where_only_what_differs_is_applied():
    wish = {"syncPolicy": {"syncOptions": ["ApplyOutOfSyncOnly=true"]}}
    world = a_world(deployment("web", **{WAVE: "0"}), config("after", marks={WAVE: "1"}), spec=wish)
    world.run(5)
    world.patch(APP, {"operation": {"sync": {}}})
    world.run(30, until=lambda: world.get(ref(kinds.CONFIG_MAP, "after")) is not None)

    assert world.get(ref(kinds.DEPLOYMENT, "web"))["status"]["availableReplicas"] == 2


def test_an_object_may_refuse_to_be_pruned():
    world = a_world(config("one"), config("kept", marks={OPTIONS: "Prune=false"}), spec=automated())
    world.run(20)
    world.git.push([config("one", changed="yes")])
    refresh(world, wait_s=20)

    assert rows(world)["ConfigMap/kept"]["message"] == "ignored (no prune)"
    assert world.get(ref(kinds.CONFIG_MAP, "kept")) is not None
    assert sync_status(world) == "OutOfSync"


def test_what_must_stay_begins_no_healing_again_and_again():
    world = a_world(config("a"), config("b", marks={OPTIONS: "Prune=false"}), spec=automated())
    world.run(30)
    world.git.push([config("a")])
    refresh(world)
    ended = state(world)["finishedAt"]
    world.run(1500)

    assert sync_status(world) == "OutOfSync" and world.get(ref(kinds.CONFIG_MAP, "b")) is not None
    assert state(world)["finishedAt"] == ended

    world.remove(ref(kinds.CONFIG_MAP, "a"))
    world.run(30)

    assert world.get(ref(kinds.CONFIG_MAP, "a")) is not None


def test_a_prune_that_must_be_confirmed_waits_for_the_person():
    world = a_world(config("one"), config("data", marks={OPTIONS: "Prune=confirm"}), spec=automated())
    world.run(20)
    world.git.push([config("one")])
    refresh(world, wait_s=20)
    waiting = (phase(world), state(world)["message"], world.get(ref(kinds.CONFIG_MAP, "data")) is not None)
    told = resources(world)["ConfigMap/data"]

    world.patch(APP, {"metadata": {"annotations": {APPROVED: world.timeline.now.rfc3339_whole()}}})
    world.run(20)

    assert waiting == ("Running", "waiting for pruning confirmation of ConfigMap/shop/data", True)
    assert told["requiresDeletionConfirmation"] is True
    assert world.get(ref(kinds.CONFIG_MAP, "data")) is None
    assert phase(world) == "Succeeded"


def test_the_last_prunes_come_after_everything_else_is_healthy():
    world = a_world(config("old"), spec=automated(syncOptions=["PruneLast=true"]))
    world.run(20)
    world.writes.clear()
    world.git.push([deployment("web"), config("late", marks={WAVE: "3"})])

    refresh(world, wait_s=30)

    assert [ref.name for verb, ref in world.writes if verb in ("apply", "delete")] == ["web", "late", "old"]


def test_an_application_may_be_left_alone():
    world = a_world(config("one"), spec=automated(), annotations={"argocd.argoproj.io/skip-reconcile": "true"})

    world.run(60)

    assert world.writes == []


def test_a_shared_object_ends_the_sync_where_that_is_wished():
    world = a_world(config("one"), spec=automated())
    world.run(20)
    other = {**world.get(APP)}
    again = {"apiVersion": other["apiVersion"], "kind": other["kind"], "spec": {**other["spec"], **ONCE}}
    again["spec"] = {
        **again["spec"],
        "syncPolicy": {**ONCE["syncPolicy"], "syncOptions": ["FailOnSharedResource=true"]},
    }
    world.bring({**again, "metadata": {"name": "other", "namespace": "argocd"}})
    world.run(5)
    app = ref(kinds.APPLICATION, "other", "argocd")
    world.patch(app, {"operation": {"sync": {}}})

    world.run(20)

    assert phase(world, app) == "Failed"
    assert "Shared resource found" in state(world, app)["message"]


def test_a_window_that_shuts_holds_a_sync_under_way_and_lets_it_go_on_when_it_opens():
    minute = int(START.seconds) // 60 % 60
    window = {"kind": "allow", "schedule": f"{minute} * * * *", "duration": "1m", "applications": ["*"]}
    world = a_world(job("slow", **{HOOK: "PreSync"}), config("settings"), spec=automated())
    world.bring(project("default", syncWindows=[window]))
    world.run(30, until=lambda: world.get(ref(kinds.JOB, "slow")) is not None)
    world.store.patch(ref(kinds.JOB, "slow"), {"spec": {"suspend": True}}, "merge")

    world.run(120)
    held = (phase(world), state(world)["message"])
    world.store.patch(ref(kinds.JOB, "slow"), {"spec": {"suspend": False}}, "merge")
    world.run(3600)

    assert held[0] == "Running" and "blocked by sync window" in held[1]
    assert phase(world) == "Succeeded"


def test_a_sync_asked_for_in_a_shut_window_waits_until_it_opens_and_takes_the_commit_of_then():
    minute = (int(START.seconds) // 60 + 2) % 60
    window = {"kind": "allow", "schedule": f"{minute} * * * *", "duration": "5m", "applications": ["*"]}
    world = a_world(config("settings"))
    world.bring(project("default", syncWindows=[window]))
    world.run(5)

    world.patch(APP, {"operation": {"sync": {}, "initiatedBy": {"username": "ann"}}})
    world.run(20)
    held = (phase(world), state(world)["message"], world.get(ref(kinds.CONFIG_MAP, "settings")))
    newest = world.git.push([config("settings", k="2")])
    world.run(180)

    assert held[0] == "Running" and held[1].startswith("Sync operation blocked by sync window") and held[2] is None
    assert (phase(world), state(world)["syncResult"]["revision"]) == ("Succeeded", newest)


def test_whoever_waits_for_a_window_is_looked_after_all_the_same():
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
    world = a_world(config("settings"), spec=automated())
    world.run(20)
    world.bring(project("default", syncWindows=[window]))
    world.git.push([config("settings", k="2")], "v2")
    world.patch(APP, {"operation": {"sync": {"revision": "v2"}, "initiatedBy": {"username": "ann"}}})
    world.run(30)

    newest = world.git.push([config("settings", k="3")])
    refresh(world)
    world.store.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"k": "drifted"}}, "merge")
    world.run(30)
    told = (phase(world), sync_status(world), status(world)["sync"]["revision"])
    live = resources(world)["ConfigMap/settings"]["differences"][0]["live"]
    world.patch(replace(APP, kind=kinds.APP_PROJECT, name="default"), {"spec": {"syncWindows": None}})
    world.run(60, until=lambda: phase(world) == "Succeeded")

    assert told == ("Running", "OutOfSync", newest) and live == '"drifted"'
    assert state(world)["syncResult"]["revision"] == world.git.heads["v2"]


def test_a_look_that_is_asked_for_during_a_long_sync_is_answered_and_git_is_asked_when_it_ends():
    slow = ref(kinds.JOB, "slow")
    world = a_world(job("slow", **{HOOK: "PreSync"}), config("settings", k="1"), spec=automated())
    world.run(30, until=lambda: world.get(slow) is not None)
    world.store.patch(slow, {"spec": {"suspend": True}}, "merge")
    world.run(60)

    newest = world.git.push([config("settings", k="2")])
    refresh(world)
    during = (phase(world), world.get(APP)["metadata"].get("annotations"))
    world.store.patch(slow, {"spec": {"suspend": False}}, "merge")
    world.run(15)

    assert during == ("Running", None)
    assert (phase(world), status(world)["sync"]["revision"]) == ("Succeeded", newest)


def test_g14_a_hook_that_somebody_else_holds_ends_the_sync_with_their_name():
    world = a_world(job("before", **{HOOK: "PreSync"}), config("settings"), spec=ONCE)
    world.run(30)
    world.patch(ref(kinds.JOB, "before"), {"metadata": {"finalizers": ["example.com/hold"]}})
    world.remove(ref(kinds.JOB, "before"))
    world.git.push([job("before", "migrate:2", **{HOOK: "PreSync"}), config("settings", changed="yes")])

    refresh(world, wait_s=60)

    assert phase(world) == "Failed"
    assert "held by example.com/hold" in rows(world)["Job/before"]["message"]


def test_ignored_fields_keep_their_live_value_where_that_is_wished():
    rule = {"kind": "ConfigMap", "jsonPointers": ["/data/colour"]}
    spec = {**automated(syncOptions=["RespectIgnoreDifferences=true"]), "ignoreDifferences": [rule]}
    world = a_world(config("settings", colour="blue", size="m"), spec=spec)
    world.run(20)
    world.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"colour": "red"}})
    world.run(5)
    after_change = sync_status(world)
    world.git.push([config("settings", colour="green", size="l")])

    refresh(world, wait_s=20)

    assert after_change == "Synced"
    assert world.get(ref(kinds.CONFIG_MAP, "settings"))["data"] == {"colour": "red", "size": "l"}


def test_healing_that_never_holds_slows_down():
    world = a_world(config("settings", colour="blue"), spec=automated())
    world.run(20)

    def contrary(commit):
        if commit.kind == kinds.CONFIG_MAP and commit.manager == "argocd-controller":
            world.timeline.after(
                0.1, lambda: world.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"colour": "red"}})
            )

    world.store.listeners.append(contrary)
    world.writes.clear()
    world.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"colour": "red"}})
    world.run(600)

    assert 3 <= len(commits(world, "apply", kinds.CONFIG_MAP)) <= 8


def test_a_service_keeps_the_selector_that_a_rollout_gave_it():
    world = a_world(service("web"), spec=automated())
    world.run(20)
    chosen = {"spec": {"selector": {"app": "web", "rollouts-pod-template-hash": "abc"}}}
    world.patch(ref(kinds.SERVICE, "web"), chosen)
    world.git.push([{**service("web"), "metadata": {"name": "web", "labels": {"team": "a"}}}])

    refresh(world, wait_s=20)

    assert world.get(ref(kinds.SERVICE, "web"))["spec"]["selector"] == chosen["spec"]["selector"]
    assert sync_status(world) == "Synced"
    assert status(world)["health"]["status"] == "Healthy"


def test_a_kind_that_nobody_serves_is_told_by_name_and_nothing_else_is_written():
    world = a_world(config("settings"), unheard(), spec=ONCE | {"syncPolicy": {"automated": {}, "retry": {"limit": 0}}})
    world.run(30)

    told = rows(world)["Unheard/thing"]
    assert (phase(world), told["status"]) == ("Failed", "SyncFailed")
    assert told["message"] == 'no matches for kind "Unheard" in version "shop.example/v1"'
    assert resources(world)["Unheard/thing"]["namespace"] == "shop"
    assert (resources(world)["Unheard/thing"]["status"], sync_status(world)) == ("OutOfSync", "OutOfSync")
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is None


def test_a_kind_that_comes_by_other_means_does_not_hold_up_what_comes_before_it():
    thing = unheard(**{OPTIONS: "SkipDryRunOnMissingResource=true", WAVE: "1"})
    world = a_world(config("settings"), thing, spec=automated(retry={"limit": 3, "backoff": {"duration": "5s"}}))
    world.run(3)
    before = world.get(ref(kinds.CONFIG_MAP, "settings")) is not None, phase(world)

    world.bring(its_definition())
    world.run(60)

    assert before == (True, "Running")
    assert (phase(world), sync_status(world)) == ("Succeeded", "Synced")


@pytest.mark.parametrize(
    ("option", "finalizers"),
    [
        ("", {"foregroundDeletion"}),
        ("foreground", {"foregroundDeletion"}),
        ("orphan", {"orphan"}),
        ("background", set()),
    ],
)
def test_a_prune_takes_what_an_object_owns_along_as_the_option_says(option: str, finalizers: set[str]) -> None:
    options = {"syncOptions": [f"PrunePropagationPolicy={option}"]} if option else {}
    world = a_world(config("one"), deployment("web"), spec=automated(**options))
    world.run(30)
    held: list[str] = []

    def remember(commit: Commit) -> None:
        if commit.kind == kinds.DEPLOYMENT and commit.object["metadata"].get("deletionTimestamp"):
            held.extend(commit.object["metadata"].get("finalizers") or [])

    world.store.listeners.append(remember)
    world.git.push([config("one")])

    refresh(world, wait_s=30)

    assert world.get(ref(kinds.DEPLOYMENT, "web")) is None
    assert set(held) == finalizers


def by_kubectl(**data: str) -> dict[str, Any]:
    """A ConfigMap as `kubectl apply` leaves it."""
    found = config("settings", "shop", **data)
    return {**found, "metadata": {**found["metadata"], "annotations": {LAST_APPLIED: json.dumps(found)}}}


def test_fields_of_kubectl_stay_kubectls_where_an_option_forbids_to_take_them_over() -> None:
    world = a_world(
        config("settings", colour="red"), spec={"syncPolicy": {"syncOptions": ["ClientSideApplyMigration=false"]}}
    )
    world.store.create(kinds.CONFIG_MAP, "shop", by_kubectl(colour="blue", size="m"), BY_KUBECTL)
    world.run(5)

    sync(world)

    live = world.get(ref(kinds.CONFIG_MAP, "settings"))
    owners = {each["manager"]: each["operation"] for each in live["metadata"]["managedFields"]}
    assert (phase(world), live["data"]) == ("Succeeded", {"colour": "red", "size": "m"})
    assert owners == {MANAGER: "Apply", BY_KUBECTL.manager: "Update"}


@pytest.mark.parametrize("manager", ["argocd-controller", "argocd-application-controller", "kubectl-client-side-apply"])
def test_what_was_applied_on_the_clients_side_goes_when_git_drops_it(manager: str) -> None:
    world = a_world(config("settings", colour="red", size="m"), spec=automated())
    marked = by_kubectl(colour="red", size="m")
    marked["metadata"]["annotations"][ANNOTATION] = "shop:/ConfigMap:shop/settings"
    world.store.create(kinds.CONFIG_MAP, "shop", marked, WriteOptions(manager))
    world.run(20)

    world.git.push([config("settings", colour="red")])
    refresh(world, wait_s=30)

    assert (sync_status(world), world.get(ref(kinds.CONFIG_MAP, "settings"))["data"]) == ("Synced", {"colour": "red"})


def test_what_somebody_applies_over_a_synced_object_is_undone() -> None:
    world = a_world(config("settings", colour="red"), spec=automated())
    world.run(20)
    mine = ref(kinds.CONFIG_MAP, "settings")
    change = {"metadata": by_kubectl(colour="red", size="m")["metadata"], "data": {"size": "m"}}
    world.store.patch(mine, change, "merge", "", BY_KUBECTL)
    world.run(30)

    assert (sync_status(world), world.get(mine)["data"]) == ("Synced", {"colour": "red"})


def test_what_was_written_is_told_in_the_words_of_kubectl() -> None:
    marks = {"one": {OPTIONS: "Replace=true"}, "two": {OPTIONS: "ServerSideApply=true"}, "three": {}}
    world = a_world(*(config(name, marks=mark) for name, mark in marks.items()), deployment("web"))
    world.run(5)
    sync(world, dryRun=True)
    tried = {name: row["message"] for name, row in rows(world).items()}
    sync(world)
    first = {name: row["message"] for name, row in rows(world).items() if row["kind"] == "ConfigMap"}
    world.git.push([config(name, marks=mark, changed="yes") for name, mark in marks.items()])
    sync(world)
    second = {name: row["message"] for name, row in rows(world).items()}

    assert tried["Deployment/web"] == "deployment.apps/web created (dry run)"
    assert list(first.values()).count("configmap/three created") == 1
    assert first["ConfigMap/two"] == "configmap/two serverside-applied"
    assert second["ConfigMap/one"] == "configmap/one replaced"
    assert second["ConfigMap/three"] == "configmap/three configured"
    assert second["Deployment/web"] == "ignored (requires pruning)"


def test_a_mark_of_a_namespace_goes_when_nobody_wishes_it_any_more() -> None:
    def policy(**labels: str) -> dict[str, Any]:
        return {"syncOptions": ["CreateNamespace=true"], "managedNamespaceMetadata": {"labels": labels}}

    world = a_world(config("settings"), spec={"syncPolicy": policy(team="a", tier="web")})
    world.run(5)
    sync(world)
    before = world.get(ref(kinds.NAMESPACE, "shop"))["metadata"]["labels"]
    world.patch(APP, {"spec": {"syncPolicy": {"managedNamespaceMetadata": {"labels": {"tier": None}}}}})

    sync(world)

    after = world.get(ref(kinds.NAMESPACE, "shop"))["metadata"]["labels"]
    assert {"team": "a", "tier": "web"}.items() <= before.items()
    assert "tier" not in after and after["team"] == "a"


def test_what_lies_about_is_told_of_every_common_kind_but_not_what_the_cluster_puts_there() -> None:
    world = a_world(config("settings"), spec=automated())
    world.bring(project("default", orphanedResources={"warn": True}))
    world.bring(config("kube-root-ca.crt", "shop"))
    for kind, name in (("ServiceAccount", "default"), ("Secret", "left")):
        world.bring({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}})
    world.run(30)

    refresh(world)

    assert conditions(world)["OrphanedResourceWarning"] == "Application has 1 orphaned resources: Secret/shop/left"
