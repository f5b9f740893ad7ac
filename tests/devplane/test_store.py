"""The store answers as an API server does: versions, preconditions, subresources, watches."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.devplane.definitions import OURS
from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import Deletion, Query, WriteOptions
from rollouts.devplane.store import Store
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.ref import Ref

NOW = Instant.of(1_700_000_000)


@pytest.fixture
def store() -> Store:
    made = Store(lambda: NOW)
    for definition in OURS:
        made.define(definition)
    return made


def a_set(name: str = "web", replicas: int = 3) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}},
        },
    }


WEB = Ref(kinds.REPLICA_SET, "shop", "web")
ROLLOUT = Ref(kinds.ROLLOUT, "shop", "web")


def refusal(call: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


def test_a_new_object_gets_identity_defaults_and_an_empty_status(store: Store) -> None:
    made = store.create(kinds.REPLICA_SET, "shop", a_set() | {"status": {"replicas": 9}})

    meta = made["metadata"]
    assert meta["namespace"] == "shop"
    assert meta["uid"] and meta["resourceVersion"] == store.version
    assert meta["generation"] == 1
    assert meta["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert made["status"] == {"replicas": 0}
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Always"
    assert made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_generate_name_draws_a_suffix(store: Store) -> None:
    body = a_set()
    body["metadata"]["generateName"] = body["metadata"].pop("name") + "-"

    names = {store.create(kinds.REPLICA_SET, "shop", body)["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


def test_refusals_use_the_servers_words(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())
    missing = refusal(lambda: store.get(Ref(kinds.REPLICA_SET, "shop", "nope")))
    twice = refusal(lambda: store.create(kinds.REPLICA_SET, "shop", a_set()))
    stale = refusal(lambda: store.patch(WEB, {"metadata": {"resourceVersion": "1"}}, "merge"))

    assert missing.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'replicasets.apps "nope" not found',
        "reason": "NotFound",
        "details": {"name": "nope", "group": "apps", "kind": "replicasets"},
        "code": 404,
    }
    assert (twice.status, twice.reason) == (409, "AlreadyExists")
    assert twice.message == 'replicasets.apps "web" already exists'
    assert (stale.status, stale.reason) == (409, "Conflict")
    assert stale.message == (
        'Operation cannot be fulfilled on replicasets.apps "web": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_a_uid_inside_a_patch_is_a_precondition(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())

    refused = refusal(lambda: store.patch(WEB, {"metadata": {"uid": "other"}, "spec": {"replicas": 1}}, "merge"))
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert refused.message.endswith('metadata.uid: Invalid value: "other": field is immutable')
    assert store.get(WEB)["spec"]["replicas"] == 3


def test_a_write_that_changes_nothing_moves_no_version(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())
    before = store.version
    store.patch(WEB, {"spec": {"replicas": 3}}, "merge")
    store.patch(WEB, {"metadata": {"labels": {"app": "web"}}}, "merge", options=WriteOptions("me"))

    assert store.version == before


def test_generation_moves_with_the_spec_alone(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())
    store.patch(WEB, {"metadata": {"annotations": {"a": "1"}}}, "merge")
    store.patch(WEB, {"status": {"replicas": 3}}, "merge", "status")
    assert store.get(WEB)["metadata"]["generation"] == 1
    store.patch(WEB, {"spec": {"replicas": 4}}, "merge")

    assert store.get(WEB)["metadata"]["generation"] == 2


def test_each_door_lets_only_its_part_pass(store: Store) -> None:
    store.create(kinds.ROLLOUT, "shop", {"metadata": {"name": "web"}, "spec": {"replicas": 1}})
    store.patch(ROLLOUT, {"spec": {"replicas": 2}, "status": {"phase": "x"}}, "merge")
    store.patch(ROLLOUT, {"spec": {"replicas": 9}, "status": {"phase": "y"}}, "merge", "status")

    found = store.get(ROLLOUT)
    assert found["spec"] == {"replicas": 2}
    assert found["status"] == {"phase": "y"}


def test_a_kind_without_status_subresource_counts_a_status_write_as_a_new_generation(store: Store) -> None:
    ref = Ref(kinds.ANALYSIS_RUN, "shop", "r")
    store.create(kinds.ANALYSIS_RUN, "shop", {"metadata": {"name": "r"}, "spec": {}, "status": {"phase": "Running"}})
    store.patch(ref, {"status": {"phase": "Successful"}}, "merge")

    assert store.get(ref)["status"] == {"phase": "Successful"}
    assert store.get(ref)["metadata"]["generation"] == 2


def test_scale_reads_and_writes_replicas(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())
    scale = store.patch(WEB, {"spec": {"replicas": 7}}, "merge", "scale")

    assert scale["kind"] == "Scale"
    assert scale["status"]["selector"] == "app=web"
    assert store.get(WEB)["spec"]["replicas"] == 7
    assert store.get(WEB)["metadata"]["generation"] == 2


def test_dry_run_stores_nothing(store: Store) -> None:
    shown = store.create(kinds.REPLICA_SET, "shop", a_set(), WriteOptions(dry_run=True))

    assert shown["metadata"]["name"] == "web"
    assert store.find(WEB) is None


def test_finalizers_hold_a_deletion_back_until_the_last_is_gone(store: Store) -> None:
    body = a_set()
    body["metadata"]["finalizers"] = ["a/b"]
    store.create(kinds.REPLICA_SET, "shop", body)
    store.delete(WEB)
    assert store.get(WEB)["metadata"]["deletionTimestamp"]
    added = refusal(lambda: store.patch(WEB, {"metadata": {"finalizers": ["a/b", "c/d"]}}, "merge"))
    store.patch(WEB, {"metadata": {"finalizers": []}}, "merge")

    assert added.status == 422
    assert store.find(WEB) is None
    assert store.events_since(kinds.REPLICA_SET, "1")[-1][0] == "DELETED"


def test_delete_preconditions_are_kept(store: Store) -> None:
    made = store.create(kinds.REPLICA_SET, "shop", a_set())

    assert refusal(lambda: store.delete(WEB, Deletion(uid="x"))).status == 409
    assert refusal(lambda: store.delete(WEB, Deletion(version="1"))).status == 409
    store.delete(WEB, Deletion(uid=made["metadata"]["uid"], version=made["metadata"]["resourceVersion"]))
    assert store.find(WEB) is None


def test_a_list_is_paged_on_one_version_although_objects_change(store: Store) -> None:
    for name in ("a", "b", "c", "d"):
        store.create(kinds.REPLICA_SET, "shop", a_set(name))
    first = store.list(kinds.REPLICA_SET, "shop", Query(limit=2))
    store.delete(Ref(kinds.REPLICA_SET, "shop", "c"))
    store.create(kinds.REPLICA_SET, "shop", a_set("bb"))
    rest = store.list(kinds.REPLICA_SET, "shop", Query(limit=2, token=first.token))

    assert [item["metadata"]["name"] for item in (*first.items, *rest.items)] == ["a", "b", "c", "d"]
    assert first.remaining == 2 and first.version == rest.version and not rest.token


def test_compaction_expires_watches_and_continue_tokens(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set("a"))
    store.create(kinds.REPLICA_SET, "shop", a_set("b"))
    token = store.list(kinds.REPLICA_SET, "", Query(limit=1)).token
    store.create(kinds.REPLICA_SET, "shop", a_set("c"))
    store.compact()

    watch = refusal(lambda: store.events_since(kinds.REPLICA_SET, "2"))
    page = refusal(lambda: store.list(kinds.REPLICA_SET, "", Query(limit=1, token=token)))
    assert (watch.status, watch.reason, watch.message) == (410, "Expired", "too old resource version: 2 (4)")
    assert (page.status, page.reason) == (410, "Expired")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ("app=a", ["a"]),
        ("app!=a", ["b", "c"]),
        ("app in (a, b)", ["a", "b"]),
        ("app notin (a),app", ["b", "c"]),
        ("!app", []),
        ("", ["a", "b", "c"]),
    ],
)
def test_label_selectors_select(store: Store, labels: str, names: list[str]) -> None:
    for name in ("a", "b", "c"):
        store.create(kinds.REPLICA_SET, "shop", a_set(name))

    found = store.list(kinds.REPLICA_SET, "shop", Query(labels=labels)).items
    assert [item["metadata"]["name"] for item in found] == names


def test_field_selectors_select_and_unknown_ones_are_refused(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set("a"))
    store.create(kinds.REPLICA_SET, "shop", a_set("b"))

    found = store.list(kinds.REPLICA_SET, "", Query(fields="metadata.name=b")).items
    assert [item["metadata"]["name"] for item in found] == ["b"]
    assert refusal(lambda: store.list(kinds.REPLICA_SET, "", Query(fields="spec.x=1"))).message == (
        "field label not supported: spec.x"
    )


def test_a_watch_with_a_selector_sees_objects_come_and_go(store: Store) -> None:
    start = store.version
    store.create(kinds.REPLICA_SET, "shop", a_set())
    store.patch(WEB, {"metadata": {"labels": {"tier": "x"}}}, "merge")
    store.patch(WEB, {"metadata": {"labels": {"tier": None}}}, "merge")

    told = store.events_since(kinds.REPLICA_SET, start, query=Query(labels="tier=x"))
    assert [kind for kind, _ in told] == ["ADDED", "DELETED"]


def test_a_snapshot_shows_the_past(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())
    then = int(store.version)
    store.patch(WEB, {"spec": {"replicas": 9}}, "merge")
    store.delete(WEB)

    past = store.snapshot(kinds.REPLICA_SET, then)
    assert past["shop", "web"]["spec"]["replicas"] == 3


def test_a_strategic_patch_merges_containers_by_name(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())
    patch = {
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "web:2"}, {"name": "d", "image": "x"}]}}}
    }
    store.patch(WEB, patch, "strategic")

    containers = store.get(WEB)["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("c", "web:2"), ("d", "x")]
    store.create(kinds.ROLLOUT, "shop", {"metadata": {"name": "web"}, "spec": {}})
    assert refusal(lambda: store.patch(ROLLOUT, patch, "strategic")).status == 415


def test_a_json_patch_tests_before_it_writes(store: Store) -> None:
    store.create(kinds.REPLICA_SET, "shop", a_set())
    good = [
        {"op": "test", "path": "/spec/replicas", "value": 3},
        {"op": "replace", "path": "/spec/replicas", "value": 5},
    ]
    store.patch(WEB, good, "json")

    assert store.get(WEB)["spec"]["replicas"] == 5
    assert refusal(lambda: store.patch(WEB, good, "json")).status == 422


def test_a_custom_update_needs_a_version_and_the_right_one(store: Store) -> None:
    made = store.create(kinds.ROLLOUT, "shop", {"metadata": {"name": "web"}, "spec": {}})
    bare = {"metadata": {"name": "web"}, "spec": {"replicas": 2}}

    assert refusal(lambda: store.update(ROLLOUT, bare)).message.endswith("must be specified for an update")
    store.update(ROLLOUT, made | {"spec": {"replicas": 3}})
    assert refusal(lambda: store.update(ROLLOUT, made | {"spec": {"replicas": 4}})).reason == "Conflict"


def test_objects_handed_in_are_copied(store: Store) -> None:
    body = a_set()
    store.create(kinds.REPLICA_SET, "shop", body)
    body["spec"]["replicas"] = 99

    assert store.get(WEB)["spec"]["replicas"] == 3


def test_listeners_hear_of_every_commit_with_what_was_before(store: Store) -> None:
    heard: list[tuple[str, str, str]] = []
    store.listeners.append(lambda commit: heard.append((commit.type, commit.manager, commit.subresource)))
    store.create(kinds.REPLICA_SET, "shop", a_set(), WriteOptions("a"))
    store.patch(WEB, {"status": {"replicas": 3}}, "merge", "status", WriteOptions("b"))
    store.delete(WEB, Deletion(manager="c"))

    assert heard == [("ADDED", "a", ""), ("MODIFIED", "b", "status"), ("DELETED", "c", "")]
