"""JSON patches do what RFC 6902 says, by the judgement of an independent implementation."""

from __future__ import annotations

from typing import Any

import jsonpatch as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.kit import jsonpatch

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab~/", max_size=3)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3)
)
objects = st.dictionaries(st.text("ab~/", max_size=2), values, max_size=3)


@given(objects, objects)
def test_a_derived_patch_leads_from_one_object_to_the_other(before: Any, after: Any) -> None:
    operations = oracle.make_patch(before, after).patch

    assert jsonpatch.apply(before, operations) == after


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": True},
        {"op": "remove", "path": "/nope"},
        {"op": "replace", "path": "/nope", "value": 1},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/nope/deeper", "value": 1},
        {"op": "move", "from": "/tree", "path": "/tree/inside"},
        {"op": "fly", "path": "/a"},
        {"op": "add", "path": "a", "value": 1},
        {"path": "/a"},
    ],
)
def test_what_cannot_be_done_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(jsonpatch.JsonPatchError):
        jsonpatch.apply({"a": 1, "list": [1], "tree": {}}, [operation])


def test_the_document_is_not_changed() -> None:
    document = {"list": [1, {"a": 1}]}
    changed = jsonpatch.apply(document, [{"op": "replace", "path": "/list/1/a", "value": 2}])

    assert (document, changed) == ({"list": [1, {"a": 1}]}, {"list": [1, {"a": 2}]})
