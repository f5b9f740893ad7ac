"""Parts of values that anybody may have written."""

from __future__ import annotations

import pytest

from rollouts.kit import parts

APP = {"status": {"sync": {"status": "Synced"}, "history": [], "since": 5, "health": None}}


@pytest.mark.parametrize(
    ("names", "value", "part", "text"),
    [
        (("status", "sync"), {"status": "Synced"}, {"status": "Synced"}, ""),
        (("status", "sync", "status"), "Synced", {}, "Synced"),
        (("status", "history"), [], {}, ""),
        (("status", "since"), 5, {}, ""),
        (("status", "health", "status"), None, {}, ""),
        (("status", "sync", "status", "deeper"), None, {}, ""),
        (("spec", "project"), None, {}, ""),
        ((), APP, APP, ""),
    ],
)
def test_what_is_of_another_shape_counts_as_absent(names, value, part, text):
    assert parts.at(APP, *names) == value
    assert parts.part(APP, *names) == part
    assert parts.text(APP, *names) == text


@pytest.mark.parametrize("value", [None, "status", 3, ["status"], True])
def test_a_value_that_is_no_object_has_no_parts(value):
    assert parts.at(value, "status") is None
    assert parts.part(value, "status") == {}
    assert parts.part(value) == {}


@pytest.mark.parametrize("value", [None, "status", 3, {"status": 1}, True])
def test_a_value_that_is_no_list_has_no_items(value):
    assert list(parts.items({"rows": value}, "rows")) == []
    assert parts.objects({"rows": value}, "rows") == []


def test_only_the_objects_of_a_list_are_objects():
    assert parts.objects({"rows": [{"name": "web"}, None, "web", ["web"]]}, "rows") == [{"name": "web"}]
    assert parts.items(["web", 1]) == ["web", 1]
