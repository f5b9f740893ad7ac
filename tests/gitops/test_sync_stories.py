"""What a commit comes to, told on a small cluster with the real machine."""

from __future__ import annotations

import pytest

from rollouts.gitops.deletion import CASCADE
from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from rollouts.simulation.gitworld import CONTROL, an_application
from tests.gitops.shop import (
    APP,
    HOOK,
    ONCE,
    OPTIONS,
    POLICY,
    WAVE,
    a_world,
    automated,
    child,
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
    service,
    state,
    status,
    sync,
    sync_status,
)


def test_an_automated_application_is_synced_and_healthy_without_being_asked():
    world = a_world(config("settings", colour="blue"), service("web"), deployment("web"), spec=automated())

    world.run(30)

    assert (sync_status(world), health(world), phase(world)) == ("Synced", "Healthy", "Succeeded")
    assert status(world)["history"][0]["revision"] == status(world)["sync"]["revision"]
    assert "operation" not in world.get(APP)
    assert status(world)["summary"]["images"] == ["web:1"]
    assert status(world)["reconciledAt"] > state(world)["finishedAt"]


def test_an_application_without_automation_waits_to_be_asked():
    world = a_world(config("settings"))
    world.run(10)
    before = (sync_status(world), health(world), world.get(ref(kinds.CONFIG_MAP, "settings")))

    sync(world)

    assert before == ("OutOfSync", "Missing", None)
    assert phase(world) == "Succeeded"
    assert state(world)["operation"]["initiatedBy"] == {"username": "ann"}
    assert world.get(ref(kinds.CONFIG_MAP, "settings"))["metadata"]["annotations"] == {
        "argocd.argoproj.io/tracking-id": "shop:/ConfigMap:shop/settings"
    }


def test_a_push_that_a_forge_tells_of_is_synced_in_two_writes_of_the_application():
    world = a_world(config("settings", colour="blue"), service("web"), deployment("web"), spec=automated())
    world.run(30)
    world.writes.clear()

    world.git.push([config("settings", colour="red"), service("web"), deployment("web", "web:2")])
    world.process.nudge(APP)
    world.run(30)

    assert (sync_status(world), health(world), phase(world)) == ("Synced", "Healthy", "Succeeded")
    assert status(world)["history"][-1]["revision"] == world.git.heads["HEAD"]
    assert [ref for _, ref in world.writes].count(APP) == 2


def test_a_push_that_is_told_while_git_is_being_asked_is_not_missed():
    world = a_world(config("settings", colour="blue"), spec=automated())
    world.run(30)
    refresh(world, wait_s=0.02)

    world.git.push([config("settings", colour="red")])
    world.process.nudge(APP)
    world.run(30)

    assert status(world)["history"][-1]["revision"] == world.git.heads["HEAD"]


def test_a_synced_application_writes_nothing_but_the_time_of_its_look():
    world = a_world(config("settings", colour="blue"), service("web"), deployment("web"), spec=automated())
    world.run(30)
    world.writes.clear()

    world.run(1000)

    assert {ref for _, ref in world.writes} == {APP}
    assert len(world.writes) <= 1000 / 120 + 1


def test_a_null_among_the_values_of_a_chart_is_no_reason_to_look_again_and_again():
    source = an_application("shop")["spec"]["source"]
    values = {"helm": {"valuesObject": {"affinity": None, "replicas": 2}}}
    world = a_world(config("settings"), spec={**automated(), "source": {**source, **values}})
    world.run(60)
    world.writes.clear()

    world.run(60)

    assert (sync_status(world), len(status(world)["history"])) == ("Synced", 1)
    assert world.writes == []


def test_what_left_git_is_pruned_and_what_was_never_ours_is_not():
    world = a_world(config("one"), config("two"), spec=automated())
    world.bring(config("stranger", namespace="shop"))
    copied = config("copy", namespace="shop", marks={"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:shop/two"})
    world.bring(copied)
    world.run(20)

    world.git.push([config("one")])
    refresh(world, wait_s=20)

    assert commits(world, "delete", kinds.CONFIG_MAP) == ["two"]
    assert world.get(ref(kinds.CONFIG_MAP, "stranger")) and world.get(ref(kinds.CONFIG_MAP, "copy"))


def test_g1_an_object_that_bears_our_mark_but_was_never_applied_is_not_pruned():
    forged = config("forged", namespace="shop", marks={"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:shop/forged"})
    world = a_world(config("one"), spec=automated())
    world.bring(forged)

    world.run(60)

    assert world.get(ref(kinds.CONFIG_MAP, "forged")) is not None
    assert sync_status(world) == "Synced"


def test_without_prune_what_left_git_stays_and_the_application_says_so():
    world = a_world(config("one"), config("two"), spec={"syncPolicy": {"automated": {}}})
    world.run(20)
    world.git.push([config("one", changed="yes")])
    refresh(world, wait_s=20)

    assert rows(world)["ConfigMap/two"]["status"] == "PruneSkipped"
    assert resources(world)["ConfigMap/two"]["requiresPruning"] is True
    assert (phase(world), sync_status(world)) == ("Succeeded", "OutOfSync")


def test_drift_is_told_field_by_field_and_healed():
    world = a_world(config("settings", colour="blue"), spec={"syncPolicy": {"automated": {"selfHeal": False}}})
    world.run(20)
    world.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"colour": "red"}})
    world.run(5)
    told = resources(world)["ConfigMap/settings"]["differences"]

    world.patch(APP, {"spec": {"syncPolicy": {"automated": {"selfHeal": True}}}})
    world.run(10)

    assert [(each["path"], each["git"], each["live"], each["manager"]) for each in told] == [
        ("data.colour", '"blue"', '"red"', "user")
    ]
    assert world.get(ref(kinds.CONFIG_MAP, "settings"))["data"] == {"colour": "blue"}
    assert len(status(world)["history"]) == 1


def test_a_field_that_git_drops_is_removed():
    world = a_world(config("settings", colour="blue", size="m"), spec=automated())
    world.run(20)
    world.patch(ref(kinds.CONFIG_MAP, "settings"), {"data": {"theirs": "stays"}})
    world.git.push([config("settings", colour="blue")])

    refresh(world, wait_s=20)

    assert world.get(ref(kinds.CONFIG_MAP, "settings"))["data"] == {"colour": "blue", "theirs": "stays"}
    assert sync_status(world) == "Synced"


def test_waves_wait_for_the_health_of_the_one_before():
    world = a_world(
        deployment("db", **{WAVE: "-1"}), deployment("web"), config("late", marks={WAVE: "1"}), spec=automated()
    )

    world.run(30, until=lambda: world.get(ref(kinds.DEPLOYMENT, "web")) is not None)
    db = world.get(ref(kinds.DEPLOYMENT, "db"))
    world.run(30)

    assert db["status"]["availableReplicas"] == 2
    assert phase(world) == "Succeeded"
    assert [ref.name for verb, ref in world.writes if verb == "apply"] == ["db", "web", "late"]


def test_a_wave_that_does_not_get_well_stops_the_sync():
    world = a_world(job("seed", **{WAVE: "-1"}), config("late"), spec=ONCE)
    world.run(3, until=lambda: world.get(ref(kinds.JOB, "seed")) is not None)
    world.store.patch(
        ref(kinds.JOB, "seed"), {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "no"}]}},
        "merge", "status",
    )  # fmt: skip
    world.run(30)

    assert phase(world) == "Failed"
    assert world.get(ref(kinds.CONFIG_MAP, "late")) is None
    assert "Failed last sync attempt" in conditions(world)["SyncError"]


def test_hooks_run_in_their_phases_and_stay_out_of_what_is_compared():
    hooks = [
        job("before", **{HOOK: "PreSync"}),
        job("after", **{HOOK: "PostSync"}),
        job("fallback", **{HOOK: "SyncFail"}),
    ]
    world = a_world(*hooks, config("settings"), spec=automated())

    world.run(30)

    assert phase(world) == "Succeeded"
    assert [ref.name for verb, ref in world.writes if verb in ("create", "apply")] == ["before", "settings", "after"]
    assert {name: row["hookPhase"] for name, row in rows(world).items()} == {
        "Job/before": "Succeeded", "Job/after": "Succeeded", "ConfigMap/settings": "Succeeded",
    }  # fmt: skip
    assert [name for name, row in resources(world).items() if not row.get("hook")] == ["ConfigMap/settings"]
    assert sync_status(world) == "Synced"


def test_the_second_deploy_of_a_migration_works_too():
    world = a_world(job("migrate", "migrate:1", **{HOOK: "PreSync"}), config("settings"), spec=automated())
    world.run(30)
    first = world.get(ref(kinds.JOB, "migrate"))["metadata"]["uid"]
    world.git.push([job("migrate", "migrate:2", **{HOOK: "PreSync"}), config("settings", changed="yes")])

    refresh(world, wait_s=30)

    assert phase(world) == "Succeeded"
    again = world.get(ref(kinds.JOB, "migrate"))
    assert again["metadata"]["uid"] != first
    assert again["spec"]["template"]["spec"]["containers"][0]["image"] == "migrate:2"
    assert commits(world, "create", kinds.JOB) == ["migrate", "migrate"]


def test_hooks_go_when_their_policy_says_so():
    world = a_world(
        job("kept", **{HOOK: "PreSync"}),
        job("gone", **{HOOK: "PreSync", POLICY: "HookSucceeded"}),
        config("settings"),
        spec=automated(),
    )

    world.run(30)

    assert phase(world) == "Succeeded"
    assert world.get(ref(kinds.JOB, "kept"))["metadata"].get("finalizers") is None
    assert world.get(ref(kinds.JOB, "gone")) is None


def test_a_hook_that_fails_lets_nothing_else_happen_but_the_fallback():
    bad = job("before", **{HOOK: "PreSync", POLICY: "HookFailed"})
    world = a_world(bad, config("settings"), job("fallback", **{HOOK: "SyncFail"}), spec={})
    world.run(5)
    world.patch(APP, {"operation": {"sync": {}}})
    world.run(10, until=lambda: world.get(ref(kinds.JOB, "before")) is not None)
    world.store.patch(
        ref(kinds.JOB, "before"), {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "no"}]}},
        "merge", "status",
    )  # fmt: skip

    world.run(30)

    assert phase(world) == "Failed"
    assert world.get(ref(kinds.JOB, "before")) is None
    assert world.get(ref(kinds.JOB, "fallback")) is not None
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is None


def test_a_hook_without_a_name_gets_one_from_its_sync():
    world = a_world(job("smoke-", **{HOOK: "PostSync"}), config("settings"), spec=automated())
    world.run(30)
    world.git.push([job("smoke-", **{HOOK: "PostSync"}), config("settings", changed="yes")])

    refresh(world, wait_s=30)

    made = commits(world, "create", kinds.JOB)
    assert len(made) == 2 and all(name.startswith("smoke-0000000-postsync-") for name in made)


def test_the_namespace_is_made_with_its_marks_before_anything_else():
    policy = automated(syncOptions=["CreateNamespace=true"], managedNamespaceMetadata={"labels": {"team": "a"}})
    world = a_world(config("settings"), spec={**policy, "destination": {"name": "in-cluster", "namespace": "fresh"}})

    world.run(30)

    assert phase(world) == "Succeeded"
    assert world.get(Ref(kinds.NAMESPACE, "", "fresh"))["metadata"]["labels"]["team"] == "a"
    assert "Namespace/fresh" not in resources(world)


def test_a_definition_and_its_objects_come_in_one_sync():
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "cars.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": "Car", "plural": "cars"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}],
        },
    }  # fmt: skip
    car = {"apiVersion": "example.com/v1", "kind": "Car", "metadata": {"name": "red"}, "spec": {"wheels": 4}}
    world = a_world(car, crd, spec=automated())

    world.run(60)

    assert (phase(world), sync_status(world)) == ("Succeeded", "Synced")


def test_a_kind_that_nobody_serves_ends_the_sync_with_its_name_and_nothing_is_applied():
    car = {"apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret", "metadata": {"name": "s"}, "spec": {}}
    world = a_world(car, config("settings"), spec=ONCE)

    world.run(30)

    assert phase(world) == "Failed"
    assert 'no matches for kind "ExternalSecret" in version "external-secrets.io/v1beta1"' in state(world)["message"]
    assert "external-secrets.io/v1" in state(world)["message"]
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is None


def test_a_sync_of_one_object_leaves_the_others_and_runs_no_hook():
    world = a_world(config("one"), config("two"), job("before", **{HOOK: "PreSync"}))
    world.run(5)

    sync(world, resources=[{"kind": "ConfigMap", "name": "one"}])

    assert phase(world) == "Succeeded"
    assert [ref.name for verb, ref in world.writes if verb in ("create", "apply")] == ["one"]
    assert "history" not in status(world)


def test_a_dry_run_writes_nothing():
    world = a_world(config("one"))
    world.run(5)

    sync(world, dryRun=True)

    assert phase(world) == "Succeeded"
    assert world.get(ref(kinds.CONFIG_MAP, "one")) is None


@pytest.mark.parametrize("by_hand", [{"dryRun": True}, {"resources": [{"kind": "ConfigMap", "name": "one"}]}])
def test_what_was_only_rehearsed_or_synced_in_part_is_still_synced_by_itself(by_hand):
    world = a_world(config("one"), config("two"), spec={"syncPolicy": {"automated": {"enabled": False}}})
    world.run(5)
    sync(world, **by_hand)
    world.patch(APP, {"spec": {"syncPolicy": {"automated": {"enabled": True}}}})
    world.run(30)

    assert (sync_status(world), world.get(ref(kinds.CONFIG_MAP, "two")) is not None) == ("Synced", True)


def test_a_rehearsal_of_what_was_synced_heals_nothing_that_nobody_wants_healed():
    world = a_world(config("one", colour="red"), spec={"syncPolicy": {"automated": {"selfHeal": False}}})
    world.run(20)
    world.patch(ref(kinds.CONFIG_MAP, "one"), {"data": {"colour": "blue"}})
    sync(world, dryRun=True)
    world.run(20)

    assert (sync_status(world), world.get(ref(kinds.CONFIG_MAP, "one"))["data"]) == ("OutOfSync", {"colour": "blue"})


def test_a_failed_sync_is_tried_again_with_growing_waits_and_then_given_up():
    retry = {"limit": 2, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "1m"}}
    world = a_world(config("x"), spec={"syncPolicy": {"automated": {}, "retry": retry}})
    world.git.push([{"apiVersion": "v1", "kind": "Unheard", "metadata": {"name": "x"}}])

    world.run(3)
    waiting = state(world)
    world.run(60)

    assert waiting["phase"] == "Running" and waiting["retryCount"] == 1 and waiting["finishedAt"]
    assert state(world)["phase"] == "Failed"
    assert state(world)["retryCount"] == 2


def test_a_newer_commit_supersedes_the_tries_of_an_older_one():
    retry = {"limit": 5, "backoff": {"duration": "10m", "maxDuration": "1h"}}
    world = a_world(config("x"), spec={"syncPolicy": {"automated": {}, "retry": retry}})
    world.git.push([{"apiVersion": "v1", "kind": "Unheard", "metadata": {"name": "x"}}])
    world.run(5)
    assert state(world)["retryCount"] == 1

    world.git.push([config("good")])
    refresh(world, wait_s=20)

    assert (phase(world), sync_status(world)) == ("Succeeded", "Synced")
    assert world.get(ref(kinds.CONFIG_MAP, "good")) is not None


def test_g2_a_render_that_fails_or_is_empty_prunes_nothing():
    world = a_world(config("one"), config("two"), spec=automated())
    world.run(20)
    world.git.push("kustomize build: no such file")
    refresh(world, wait_s=20)
    after_failure = (sync_status(world), conditions(world))
    world.git.push([])
    refresh(world, wait_s=20)

    assert after_failure[0] == "Unknown" and "no such file" in after_failure[1]["ComparisonError"]
    assert "wipe out" in conditions(world)["SyncError"]
    assert commits(world, "delete", kinds.CONFIG_MAP) == []

    world.patch(APP, {"spec": {"syncPolicy": {"automated": {"allowEmpty": True}}}})
    world.run(20)

    assert sorted(commits(world, "delete", kinds.CONFIG_MAP)) == ["one", "two"]


def test_g2_a_mass_prune_waits_for_a_person():
    many = [config(f"c{number}") for number in range(40)]
    world = a_world(*many, spec=automated(retry={"limit": 0}))
    world.run(30)
    world.git.push(many[:10])
    refresh(world, wait_s=30)
    held = commits(world, "delete", kinds.CONFIG_MAP)

    sync(world, prune=True)

    assert held == []
    assert len(commits(world, "delete", kinds.CONFIG_MAP)) == 30


def test_git_that_does_not_answer_is_no_reason_to_touch_anything():
    world = a_world(config("one"), spec=automated())
    world.run(20)
    world.is_git_down = True
    world.writes.clear()

    world.run(1200)

    assert sync_status(world) == "Unknown"
    assert {ref for _, ref in world.writes} == {APP}


def test_terminate_ends_a_sync_and_removes_its_hooks():
    world = a_world(job("slow", **{HOOK: "PreSync"}), config("settings"))
    world.run(5)
    world.patch(APP, {"operation": {"sync": {}}})
    world.run(10, until=lambda: world.get(ref(kinds.JOB, "slow")) is not None)

    world.patch(APP, {"status": {"operationState": {"phase": "Terminating"}}})
    world.run(10)

    assert (phase(world), state(world)["message"]) == ("Failed", "Operation terminated")
    assert world.get(ref(kinds.JOB, "slow")) is None
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is None
    assert "operation" not in world.get(APP)


def test_a_rollback_brings_an_older_commit_back():
    world = a_world(config("settings", colour="blue"))
    world.run(5)
    sync(world)
    first = status(world)["history"][0]
    world.git.push([config("settings", colour="red")])
    sync(world)

    sync(world, revision=first["revision"], source=first["source"], syncStrategy={"apply": {}})

    assert world.get(ref(kinds.CONFIG_MAP, "settings"))["data"] == {"colour": "blue"}
    assert [each["id"] for each in status(world)["history"]] == [0, 1, 2]
    world.run(10)
    assert sync_status(world) == "OutOfSync"


def test_children_of_an_app_of_apps_wait_for_the_health_of_the_wave_before():
    world = a_world(
        child("db", 0),
        child("web", 1),
        spec={"destination": {"name": "in-cluster", "namespace": CONTROL}, **automated()},
    )
    world.git.push([deployment("db")], branch="db")
    world.git.push([deployment("web")], branch="web")

    world.run(60, until=lambda: world.get(Ref(kinds.APPLICATION, CONTROL, "web")) is not None)
    db = world.get(ref(kinds.DEPLOYMENT, "db"))
    world.run(60)

    assert db["status"]["availableReplicas"] == 2
    assert (phase(world), health(world)) == ("Succeeded", "Healthy")
    assert status(world)["summary"]["isAppOfApps"] is True


def test_an_application_with_the_finalizer_takes_its_objects_with_it():
    world = a_world(
        config("one"), deployment("web", **{WAVE: "2"}), config("kept", marks={OPTIONS: "Delete=false"}),
        spec=automated(), finalizers=["resources-finalizer.argocd.argoproj.io"],
    )  # fmt: skip
    world.run(30)

    world.remove(APP)
    world.run(60)

    assert world.get(APP) is None
    assert world.get(ref(kinds.CONFIG_MAP, "one")) is None
    assert world.get(ref(kinds.CONFIG_MAP, "kept")) is not None
    assert [ref.name for verb, ref in world.writes if verb == "delete"] == ["web", "one"]


def test_the_hooks_of_every_sync_are_told_and_go_with_the_application():
    world = a_world(job("step-", **{HOOK: "PreSync"}), config("a", k="1"), spec=automated(), finalizers=[CASCADE])
    world.run(30)
    world.git.push([job("step-", **{HOOK: "PreSync"}), config("a", k="2")])
    refresh(world, wait_s=30)
    made = [each.name for verb, each in world.writes if verb == "create" and each.kind == kinds.JOB]

    told = [row["name"] for row in status(world)["resources"] if row.get("hook")]
    world.remove(APP)
    world.run(60)

    assert len(made) == 2 and told == sorted(made)
    assert [world.get(ref(kinds.JOB, name)) for name in made] == [None, None]
    assert world.get(APP) is None


def test_g12_an_application_without_the_finalizer_leaves_everything():
    world = a_world(config("one"), spec=automated())
    world.run(20)

    world.remove(APP)
    world.run(20)

    assert world.get(APP) is None
    assert world.get(ref(kinds.CONFIG_MAP, "one")) is not None


def test_an_autoscaler_and_git_do_not_fight_over_replicas():
    scaler = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9},
    }  # fmt: skip
    world = a_world(deployment("web"), scaler, spec=automated())
    world.run(30)
    world.patch(ref(kinds.DEPLOYMENT, "web"), {"spec": {"replicas": 7}})
    world.run(20)
    after_scaling = sync_status(world)
    world.git.push([deployment("web", image="web:2"), scaler])

    refresh(world, wait_s=30)

    live = world.get(ref(kinds.DEPLOYMENT, "web"))
    assert after_scaling == "Synced"
    assert live["spec"]["replicas"] == 7
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"


def test_an_object_of_another_application_is_not_fought_over():
    world = a_world(config("ours"), config("shared", colour="blue"), spec=automated())
    world.run(20)
    other = an_application(
        "other", {**automated(), "source": {"repoURL": "https://git.example/o.git", "targetRevision": "o"}}
    )
    world.git.push([config("shared", colour="red")], branch="o")
    world.bring(other)
    world.run(120)
    world.writes.clear()

    world.run(600)

    assert "SharedResourceWarning" in {
        each["type"] for each in status(world, Ref(kinds.APPLICATION, CONTROL, "other"))["conditions"]
    }
    assert commits(world, "apply", kinds.CONFIG_MAP) == []
    assert world.get(ref(kinds.CONFIG_MAP, "shared"))["data"] == {"colour": "blue"}


def test_a_project_that_does_not_permit_a_kind_stops_the_sync():
    world = a_world(config("settings"), spec={"project": "small", **ONCE})
    small = project("small", namespaceResourceBlacklist=[{"group": "", "kind": "ConfigMap"}])
    world.run(5)
    missing = conditions(world)
    world.bring(small)
    world.run(30)

    assert missing["InvalidSpecError"] == "Application referencing project small which does not exist"
    assert phase(world) == "Failed"
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is None


def test_a_shut_window_holds_automated_syncs_back_until_it_opens():
    window = {"kind": "allow", "schedule": "0 23 * * *", "duration": "1h", "applications": ["*"], "manualSync": True}
    world = a_world(config("settings"), spec=automated())
    world.bring(project("default", syncWindows=[window]))

    world.run(20 * 60)
    before = world.get(ref(kinds.CONFIG_MAP, "settings"))
    world.run(3600)

    assert before is None
    assert world.get(ref(kinds.CONFIG_MAP, "settings")) is not None


def test_g13_a_kind_that_may_not_be_listed_is_unknown_and_nothing_of_it_is_touched():
    world = a_world(config("one"), service("web"), spec=automated())
    world.run(20)
    world.denied = frozenset({"Service"})
    world.restart()
    world.git.push([config("one", changed="yes")])
    world.run(2)
    world.writes.clear()
    refresh(world, wait_s=300)

    assert sync_status(world) == "Unknown"
    assert resources(world)["Service/web"]["status"] == "Unknown"
    assert "forbidden" in conditions(world)["UnknownError"]
    assert {ref for _, ref in world.writes} == {APP}
    assert world.get(ref(kinds.SERVICE, "web")) is not None


def test_a_restart_in_peace_writes_nothing_but_the_time_of_its_look():
    world = a_world(config("one"), deployment("web"), spec=automated())
    world.run(30)
    world.restart()
    world.writes.clear()

    world.run(200)

    assert {ref for _, ref in world.writes} <= {APP}
    assert sync_status(world) == "Synced"


def test_hooks_run_before_the_objects_go_and_after_they_are_gone():
    world = a_world(
        config("one"),
        job("backup", **{HOOK: "PreDelete"}),
        job("goodbye", **{HOOK: "PostDelete", POLICY: "HookSucceeded"}),
        spec=automated(),
        finalizers=["resources-finalizer.argocd.argoproj.io"],
    )
    world.run(30)
    finalizers = world.get(APP)["metadata"]["finalizers"]
    before = [world.get(ref(kinds.JOB, name)) for name in ("backup", "goodbye")]
    world.writes.clear()

    world.remove(APP)
    world.run(120)

    assert len(finalizers) == 5 and before == [None, None]
    assert world.get(APP) is None
    assert [(verb, ref.name) for verb, ref in world.writes if ref != APP and verb in ("create", "delete")] == [
        ("create", "backup"),
        ("delete", "one"),
        ("create", "goodbye"),
        ("delete", "goodbye"),
    ]
