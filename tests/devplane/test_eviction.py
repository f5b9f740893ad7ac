"""Evictions and the budgets that forbid them."""

from __future__ import annotations

import pytest

from rollouts.devplane import eviction
from rollouts.devplane.errors import ApiError
from rollouts.devplane.store import Store, WriteOptions
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.object import uid, version
from rollouts.kube.ref import Ref

ADMIN = WriteOptions("admin")
LABELS = {"app": "web"}
POD = Ref(kinds.POD, "shop", "web-0")


def a_store(replicas: int, ready: int, **budgets) -> Store:
    store = Store(lambda: Instant.of(1_700_000_000))
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
    owner = store.create(kinds.REPLICA_SET, "shop", {"metadata": {"name": "web"}, "spec": spec}, ADMIN)
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid(owner), "controller": True}
    for number in range(replicas):
        meta = {"name": f"web-{number}", "labels": LABELS, "ownerReferences": [reference]}
        store.create(kinds.POD, "shop", {"metadata": meta, "spec": template["spec"]}, ADMIN)
        state = {"conditions": [{"type": "Ready", "status": "True" if number < ready else "False"}]}
        store.patch(Ref(kinds.POD, "shop", f"web-{number}"), {"status": state}, "merge", "status", ADMIN)
    for name, rule in budgets.items():
        body = {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": LABELS}, **rule}}
        store.create(eviction.BUDGET, "shop", body, ADMIN)
    return store


@pytest.mark.parametrize(
    ("replicas", "ready", "rule", "goes"),
    [
        (2, 2, {"minAvailable": 1}, True),
        (2, 2, {"minAvailable": 2}, False),
        (2, 1, {"minAvailable": 1}, False),
        (4, 4, {"maxUnavailable": 1}, True),
        (4, 3, {"maxUnavailable": 1}, False),
        (4, 4, {"minAvailable": "75%"}, True),
        (4, 4, {"minAvailable": "76%"}, False),
        (4, 4, {"maxUnavailable": "10%"}, True),  # rounded up
        (4, 4, {"maxUnavailable": 0}, False),
    ],
)
def test_a_budget_lets_a_pod_go_only_while_enough_are_healthy(replicas, ready, rule, goes):
    store = a_store(replicas, ready, budget=rule)
    if goes:
        eviction.evict(store, POD, {})
        assert store.find(POD) is None
    else:
        with pytest.raises(ApiError, match="disruption budget") as refused:
            eviction.evict(store, POD, {})
        assert (refused.value.status, refused.value.reason) == (429, "TooManyRequests")
        assert store.find(POD) is not None


def test_a_pod_that_is_not_healthy_may_go_while_the_others_are_enough():
    store = a_store(3, 2, budget={"minAvailable": 2})
    eviction.evict(store, Ref(kinds.POD, "shop", "web-2"), {})

    assert store.find(Ref(kinds.POD, "shop", "web-2")) is None


def test_two_budgets_over_one_pod_are_an_error_as_on_the_real_server():
    with pytest.raises(ApiError) as refused:
        eviction.evict(a_store(2, 2, one={"minAvailable": 0}, two={"minAvailable": 0}), POD, {})

    assert refused.value.status == 500


def test_an_eviction_of_another_pod_than_was_seen_is_a_conflict():
    store = a_store(1, 1)
    pod = store.get(POD)
    for seen in ({"uid": "another"}, {"uid": uid(pod), "resourceVersion": "1"}):
        with pytest.raises(ApiError) as refused:
            eviction.evict(store, POD, {"deleteOptions": {"preconditions": seen}})
        assert refused.value.status == 409
    eviction.evict(store, POD, {"deleteOptions": {"preconditions": {"uid": uid(pod), "resourceVersion": version(pod)}}})

    assert store.find(POD) is None
