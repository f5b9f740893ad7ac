"""Server-side apply: who owns a field, who may change it, what an omitted field means."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.devplane.definitions import OURS
from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import WriteOptions
from rollouts.devplane.store import Store
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.ref import Ref

WEB = Ref(kinds.INGRESS, "shop", "web")
SET = Ref(kinds.REPLICA_SET, "shop", "web")
ALICE, BOB = WriteOptions("alice"), WriteOptions("bob")


@pytest.fixture
def store() -> Store:
    made = Store(lambda: Instant.of(1_700_000_000))
    for definition in OURS:
        made.define(definition)
    return made


def with_annotations(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"name": "web", "annotations": annotations}}


def test_an_apply_creates_and_owns_what_it_names(store: Store) -> None:
    made = store.apply(WEB, with_annotations(a="1"), options=ALICE)

    (entry,) = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("alice", "Apply")
    assert entry["fieldsV1"] == {"f:metadata": {"f:annotations": {"f:a": {}}}}


def test_an_omitted_field_is_removed_if_nobody_else_owns_it(store: Store) -> None:
    store.apply(WEB, with_annotations(a="1", b="1"), options=ALICE)
    store.apply(WEB, with_annotations(b="1", c="1"), options=BOB)
    store.apply(WEB, {"metadata": {"name": "web"}}, options=ALICE)

    assert store.get(WEB)["metadata"]["annotations"] == {"b": "1", "c": "1"}


def test_changing_anothers_field_is_a_conflict_until_forced(store: Store) -> None:
    store.apply(WEB, with_annotations(a="1"), options=ALICE)
    with pytest.raises(ApiError) as caught:
        store.apply(WEB, with_annotations(a="2"), options=BOB)
    store.apply(WEB, with_annotations(a="2"), options=WriteOptions("bob", force=True))

    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "alice": .metadata.annotations.a'
    assert caught.value.details == {
        "causes": [
            {"reason": "FieldManagerConflict", "message": 'conflict with "alice"', "field": ".metadata.annotations.a"}
        ]
    }
    assert store.get(WEB)["metadata"]["annotations"] == {"a": "2"}
    assert [entry["manager"] for entry in store.get(WEB)["metadata"]["managedFields"]] == ["bob"]


def test_a_patch_takes_the_field_over(store: Store) -> None:
    store.apply(WEB, with_annotations(a="1", b="1"), options=ALICE)
    store.patch(WEB, {"metadata": {"annotations": {"a": "9"}}}, "merge", options=BOB)
    with pytest.raises(ApiError) as caught:
        store.apply(WEB, with_annotations(a="1", b="1"), options=ALICE)

    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "bob" using networking.k8s.io/v1: .metadata.annotations.a'
    )


def test_applying_the_same_again_writes_nothing(store: Store) -> None:
    store.apply(WEB, with_annotations(a="1"), options=ALICE)
    before = store.version
    store.apply(WEB, with_annotations(a="1"), options=ALICE)

    assert store.version == before


def test_containers_are_owned_one_by_one(store: Store) -> None:
    def wanted(**images: str) -> dict[str, Any]:
        containers = [{"name": name, "image": image} for name, image in images.items()]
        meta = {"labels": {"app": "web"}}
        return {
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": meta["labels"]},
                "template": {"metadata": meta, "spec": {"containers": containers}},
            },
        }

    store.apply(SET, wanted(web="web:1"), options=ALICE)
    store.apply(SET, wanted(side="side:1"), options=BOB)
    store.apply(SET, wanted(web="web:2"), options=ALICE)

    containers = store.get(SET)["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("web", "web:2"), ("side", "side:1")]
    assert store.get(SET)["metadata"]["generation"] == 3


def test_an_apply_without_manager_is_refused(store: Store) -> None:
    with pytest.raises(ApiError) as caught:
        store.apply(WEB, with_annotations(a="1"))

    assert caught.value.status == 422
