"""CRD schemas at work: what is pruned, defaulted, refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import WriteOptions
from rollouts.devplane.store import Store
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Ref

WIDGET = Kind("example.org", "v1", "Widget", "widgets")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 0, "maximum": 10},
                "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "share": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "parts": {
                    "type": "array",
                    "maxItems": 2,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["id"],
                    "items": {"type": "object", "properties": {"id": {"type": "string"}, "on": {"type": "boolean"}}},
                },
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}
CRD = {
    "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wg"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": SCHEMA},
                "subresources": {"status": {}},
            }
        ],
    },
}


@pytest.fixture
def store() -> Store:
    made = Store(lambda: Instant.of(0))
    made.create(kinds.CRD, "", CRD)
    return made


def a_widget(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w"}, "spec": {"size": 1, **spec}}


def test_a_crd_makes_its_kind_known(store: Store) -> None:
    made = store.create(WIDGET, "shop", a_widget())

    assert made["spec"] == {"size": 1, "color": "red"}
    assert store.definition(WIDGET).short_names == ("wg",)


def test_unknown_fields_are_pruned_or_refused_when_strict(store: Store) -> None:
    body = a_widget(colour="x", free={"any": {"thing": 1}}, parts=[{"id": "a", "off": 1}])
    made = store.create(WIDGET, "shop", body)
    with pytest.raises(ApiError) as caught:
        store.create(WIDGET, "shop", body, WriteOptions(strict=True))

    assert made["spec"] == {"size": 1, "color": "red", "free": {"any": {"thing": 1}}, "parts": [{"id": "a"}]}
    assert (
        caught.value.message == 'strict decoding error: unknown field "spec.colour", unknown field "spec.parts[0].off"'
    )


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({"size": "a"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"size": -1}, "spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 0"),
        ({"size": 11}, "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"),
        ({"color": "green"}, 'spec.color: Unsupported value: "green": supported values: "red", "blue"'),
        ({"name": "A"}, "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'"),
        ({"name": "abcdef"}, "spec.name: Too long: may not be more than 5 bytes"),
        (
            {"share": True},
            'spec.share: Invalid value: "boolean": spec.share in body must be of type integer,string: "boolean"',
        ),
        ({"parts": [{"id": "a"}, {"id": "a"}]}, 'spec.parts[1]: Duplicate value: {"id":"a"}'),
        ({"parts": [{}, {}, {}]}, "spec.parts: Too many: 3: must have at most 2 items"),
    ],
)
def test_what_a_schema_forbids_is_refused_in_the_servers_words(store: Store, spec: dict[str, Any], cause: str) -> None:
    with pytest.raises(ApiError) as caught:
        store.create(WIDGET, "shop", a_widget(**spec))

    assert caught.value.status == 422
    assert cause in caught.value.message


def test_a_missing_field_is_required(store: Store) -> None:
    with pytest.raises(ApiError) as caught:
        store.create(WIDGET, "shop", {"metadata": {"name": "w"}, "spec": {}})

    assert caught.value.message == 'Widget.example.org "w" is invalid: spec.size: Required value'
    assert caught.value.body["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.size"}
    ]


def test_lists_declared_as_maps_are_applied_by_key(store: Store) -> None:
    ref = Ref(WIDGET, "shop", "w")
    store.apply(ref, a_widget(parts=[{"id": "a", "on": True}]), options=WriteOptions("alice"))
    store.apply(ref, {"metadata": {"name": "w"}, "spec": {"parts": [{"id": "b"}]}}, options=WriteOptions("bob"))

    assert store.get(ref)["spec"]["parts"] == [{"id": "a", "on": True}, {"id": "b"}]
