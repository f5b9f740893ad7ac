"""What the built-in controllers do in their own time: pods, garbage."""

from __future__ import annotations

from tests.conformance.api import Api, config_map, replica_set, widget


def owned_by(owner: dict, body: dict, **more) -> dict:
    meta = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**body, "metadata": {**body["metadata"], "ownerReferences": [reference | more]}}


def test_a_replica_set_makes_its_pods_and_counts_them(api: Api):
    made = api.must("POST", api.path("replicasets"), replica_set("a", 3))
    api.until(
        "three pods are counted",
        lambda: api.must("GET", api.path("replicasets", "a")).body["status"].get("replicas") == 3,
    )
    pods = api.must("GET", api.path("pods"), labelSelector="app=a").body["items"]
    owners = {pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods}

    assert len(pods) == 3
    assert owners == {made.meta["uid"]}
    assert all(pod["metadata"]["name"].startswith("a-") for pod in pods)


def test_the_number_of_a_deployments_revision_is_no_new_generation(api: Api):
    made = api.must("POST", api.path("deployments"), {**replica_set("a"), "kind": "Deployment"})
    path, mark = api.path("deployments", "a"), "deployment.kubernetes.io/revision"
    api.until("it has a revision", lambda: mark in (api.must("GET", path).meta.get("annotations") or {}))

    assert (made.meta["generation"], api.must("GET", path).meta["generation"]) == (1, 1)


def test_what_is_owned_goes_with_its_owner(api: Api):
    owner = api.must("POST", api.path("configmaps"), config_map("owner"))
    api.must("POST", api.path("configmaps"), owned_by(owner.body, config_map("owned")))
    api.must("DELETE", api.path("configmaps", "owner"), {"propagationPolicy": "Background"})

    api.until("the dependent is gone", lambda: api.ask("GET", api.path("configmaps", "owned")).status == 404)


def test_an_orphaned_dependent_stays_without_its_owner(api: Api):
    owner = api.must("POST", api.path("configmaps"), config_map("owner"))
    api.must("POST", api.path("configmaps"), owned_by(owner.body, config_map("owned")))
    api.must("DELETE", api.path("configmaps", "owner"), {"propagationPolicy": "Orphan"})
    api.until("the owner is gone", lambda: api.ask("GET", api.path("configmaps", "owner")).status == 404)

    assert "ownerReferences" not in api.must("GET", api.path("configmaps", "owned")).meta


def test_a_foreground_deletion_waits_for_what_is_owned(api: Api):
    owner = api.must("POST", api.path("configmaps"), config_map("owner"))
    body = owned_by(owner.body, config_map("owned"), blockOwnerDeletion=True)
    body["metadata"]["finalizers"] = ["conformance.rollouts.test/hold"]
    api.must("POST", api.path("configmaps"), body)
    api.must("DELETE", api.path("configmaps", "owner"), {"propagationPolicy": "Foreground"})
    api.until(
        "the dependent is asked to go",
        lambda: api.must("GET", api.path("configmaps", "owned")).meta.get("deletionTimestamp"),
    )

    assert api.must("GET", api.path("configmaps", "owner")).meta["finalizers"] == ["foregroundDeletion"]
    api.must(
        "PATCH", api.path("configmaps", "owned"), {"metadata": {"finalizers": None}}, "application/merge-patch+json"
    )
    api.until("the owner is gone", lambda: api.ask("GET", api.path("configmaps", "owner")).status == 404)


def test_an_owner_of_another_uid_is_no_owner(api: Api):
    api.must("POST", api.path("widgets"), widget("living"))
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost", "uid": "no-such-uid"}}
    api.must("POST", api.path("configmaps"), owned_by(ghost, config_map("owned")))

    api.until("what the ghost owned is gone", lambda: api.ask("GET", api.path("configmaps", "owned")).status == 404)
