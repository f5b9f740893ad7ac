"""Lists, pages, selectors and watches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from copy import deepcopy

import pytest

from tests.conformance.api import MERGE, WIDGET_CRD, Api, config_map, widget

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def names(items) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def test_a_list_is_ordered_and_tells_its_version(api: Api):
    for name in ("c", "a", "b"):
        made = api.must("POST", api.path("widgets"), widget(name))
    listed = api.must("GET", api.path("widgets"))

    assert names(listed.body["items"]) == ["a", "b", "c"]
    assert listed.body["kind"] == "WidgetList"
    assert int(listed.version) >= int(made.version)


def test_a_list_comes_in_pages_of_one_moment(api: Api):
    for index in range(5):
        api.must("POST", api.path("widgets"), widget(f"w{index}"))
    first = api.must("GET", api.path("widgets"), limit=2)
    api.must("POST", api.path("widgets"), widget("w3b"))
    second = api.must("GET", api.path("widgets"), limit=2, **{"continue": first.meta["continue"]})
    third = api.must("GET", api.path("widgets"), limit=2, **{"continue": second.meta["continue"]})

    assert first.meta["remainingItemCount"] == 3
    assert [names(page.body["items"]) for page in (first, second, third)] == [["w0", "w1"], ["w2", "w3"], ["w4"]]
    assert not third.meta.get("continue")
    assert first.version == second.version == third.version


def test_labels_select(api: Api):
    for name, labels in (("a", {"app": "x", "tier": "1"}), ("b", {"app": "y"}), ("c", {})):
        body = config_map(name)
        body["metadata"]["labels"] = labels
        api.must("POST", api.path("configmaps"), body)

    def selected(selector: str) -> list[str]:
        listed = api.must("GET", api.path("configmaps"), labelSelector=selector).body["items"]
        return [name for name in names(listed) if name != "kube-root-ca.crt"]

    assert selected("app=x") == ["a"]
    assert selected("app!=x") == ["b", "c"]
    assert selected("app in (x,y),tier") == ["a"]
    assert selected("!app") == ["c"]
    assert selected("app notin (x)") == ["b", "c"]


def test_fields_select_a_name(api: Api):
    for name in ("a", "b"):
        api.must("POST", api.path("widgets"), widget(name))

    assert names(api.must("GET", api.path("widgets"), fieldSelector="metadata.name=b").body["items"]) == ["b"]
    assert api.ask("GET", api.path("widgets"), fieldSelector="spec.nothing=b").status == 400


def test_a_list_across_namespaces_finds_the_object(api: Api):
    api.must("POST", api.path("widgets"), widget("a"))
    found = api.must("GET", "/apis/conformance.rollouts.test/v1/widgets").body["items"]

    assert (api.namespace, "a") in [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in found]


def test_a_watch_tells_every_change_in_order(api: Api):
    version = api.must("GET", api.path("widgets")).version
    with api.watch(api.path("widgets"), resourceVersion=version) as events:
        api.must("POST", api.path("widgets"), widget("a"))
        api.must("PATCH", api.path("widgets", "a"), {"spec": {"size": "large"}}, MERGE)
        api.must("PATCH", api.path("widgets", "a"), {"spec": {"size": "large"}}, MERGE)  # nothing to tell
        last = api.must("DELETE", api.path("widgets", "a"))
        seen = list(itertools.islice(events, 3))

    assert last.body["status"] == "Success"
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))
    assert seen[2]["object"]["spec"]["size"] == "large"


def test_a_watch_from_the_past_tells_what_was_missed(api: Api):
    made = api.must("POST", api.path("widgets"), widget("a"))
    api.must("PATCH", api.path("widgets", "a"), {"spec": {"replicas": 1}}, MERGE)
    api.must("POST", api.path("widgets"), widget("b"))
    with api.watch(api.path("widgets"), resourceVersion=made.version) as events:
        seen = list(itertools.islice(events, 2))

    assert [(event["type"], event["object"]["metadata"]["name"]) for event in seen] == [
        ("MODIFIED", "a"),
        ("ADDED", "b"),
    ]


def test_a_watch_without_a_version_begins_with_what_there_is(api: Api):
    api.must("POST", api.path("widgets"), widget("a"))
    with api.watch(api.path("widgets")) as events:
        first = next(events)

    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")


def test_a_watch_with_a_selector_sees_objects_come_and_go(api: Api):
    version = api.must("GET", api.path("widgets")).version
    with api.watch(api.path("widgets"), resourceVersion=version, labelSelector="in=yes") as events:
        api.must("POST", api.path("widgets"), widget("a"))
        path = api.path("widgets", "a")
        api.must("PATCH", path, {"metadata": {"labels": {"in": "yes"}}}, MERGE)
        api.must("PATCH", path, {"spec": {"size": "large"}}, MERGE)
        api.must("PATCH", path, {"metadata": {"labels": {"in": "no"}}}, MERGE)
        seen = [event["type"] for event in itertools.islice(events, 3)]

    assert seen == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_can_send_the_list_first_and_mark_its_end(api: Api):
    api.must("POST", api.path("widgets"), widget("a"))
    asked = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
    with api.watch(api.path("widgets"), **asked) as events:
        added, mark = itertools.islice(events, 2)

    assert added["type"] == "ADDED"
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["object"]["kind"] == "Widget"


def test_a_watch_ends_with_its_time(api: Api):
    version = api.must("GET", api.path("widgets")).version
    with api.watch(api.path("widgets"), resourceVersion=version, timeoutSeconds=1) as events:
        seen = list(events)

    assert [event for event in seen if event["type"] != "BOOKMARK"] == []


def test_a_version_of_the_future_is_refused_in_a_list(api: Api):
    refused = api.ask("GET", api.path("widgets"), resourceVersion="999999999", resourceVersionMatch="NotOlderThan")

    assert (refused.status, refused.reason) == (504, "Timeout")


def test_a_table_has_the_columns_of_the_crd(api: Api):
    api.must("POST", api.path("widgets"), widget("a", size="large"))
    table = api.must("GET", api.path("widgets"), accept=TABLE).body

    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Age"]
    assert table["rows"][0]["cells"][:2] == ["a", "large"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_discovery_tells_the_custom_kind(api: Api):
    listed = api.must("GET", "/apis/conformance.rollouts.test/v1").body["resources"]

    assert [one["name"] for one in listed] == ["widgets", "widgets/status", "widgets/scale"]
    assert {"get", "list", "watch", "create", "update", "patch", "delete"} <= set(listed[0]["verbs"])
    groups = api.must("GET", "/apis").body["groups"]
    assert "conformance.rollouts.test" in [group["name"] for group in groups]


def test_the_crd_says_that_it_is_established(api: Api):
    path = f"{CRDS}/widgets.conformance.rollouts.test"
    conditions = api.must("GET", path).body["status"]["conditions"]

    assert {one["type"]: one["status"] for one in conditions}["Established"] == "True"


@pytest.fixture
def gadgets(api: Api) -> Iterator[str]:
    """A kind of its own, selected by its size; yields the path of its objects."""
    crd = deepcopy(WIDGET_CRD)
    names, version = {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"}, crd["spec"]["versions"][0]
    crd |= {"metadata": {"name": "gadgets.conformance.rollouts.test"}, "spec": {**crd["spec"], "names": names}}
    version["selectableFields"] = [{"jsonPath": ".spec.size"}]
    path = f"/apis/conformance.rollouts.test/v1/namespaces/{api.namespace}/gadgets"
    api.must("POST", CRDS, crd)
    api.until("gadgets are served", lambda: api.ask("GET", path).status == 200)
    for name, size in (("one", "small"), ("two", "large")):
        api.must("POST", path, {**widget(name, size=size), "kind": "Gadget"})
    yield path
    own = f"{CRDS}/gadgets.conformance.rollouts.test"
    api.ask("DELETE", own)
    api.until("the kind is gone", lambda: api.ask("GET", own).status == 404)


def test_objects_are_selected_by_the_fields_that_their_crd_names(api: Api, gadgets: str):
    chosen = api.must("GET", gadgets, fieldSelector="spec.size=large").body["items"]
    refused = api.ask("GET", gadgets, fieldSelector="spec.mode=plain")

    assert [one["metadata"]["name"] for one in chosen] == ["two"]
    assert (refused.status, refused.reason) == (400, "BadRequest")


def test_with_a_crd_its_objects_go(api: Api, gadgets: str):
    version = api.must("GET", gadgets).version
    with api.watch(gadgets, resourceVersion=version) as events:
        api.must("DELETE", f"{CRDS}/gadgets.conformance.rollouts.test")
        seen = [event["object"]["metadata"]["name"] for event in events if event["type"] == "DELETED"]
    api.until("gadgets are served no more", lambda: api.ask("GET", gadgets).status == 404)

    assert sorted(seen) == ["one", "two"]


def test_events_are_selected_by_what_they_concern(api: Api):
    for name in ("a", "b"):
        meta = {"name": f"{name}.1", "namespace": api.namespace}
        about = {
            "kind": "Widget",
            "name": name,
            "namespace": api.namespace,
            "apiVersion": "conformance.rollouts.test/v1",
        }
        api.must(
            "POST", api.path("events"), {"metadata": meta, "involvedObject": about, "reason": "R", "type": "Normal"}
        )
    wanted = "involvedObject.kind=Widget,involvedObject.apiVersion=conformance.rollouts.test/v1,involvedObject.name=b"
    found = api.must("GET", api.path("events"), fieldSelector=wanted)
    odd = api.ask("GET", api.path("events"), fieldSelector="message=x")

    assert names(found.body["items"]) == ["b.1"]
    assert (odd.status, odd.reason) == (400, "BadRequest")


def test_wide_columns_stand_behind_the_age(api: Api):
    columns = api.must("GET", api.path("services"), accept=TABLE).body["columnDefinitions"]

    assert [column["name"] for column in columns] == [
        "Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector"
    ]  # fmt: skip


def test_a_secret_is_opaque_unless_it_says_what_it_is(api: Api):
    made = [
        api.must("POST", api.path("secrets"), {"metadata": {"name": name}, **more}).body["type"]
        for name, more in (("a", {}), ("b", {"type": "x/y"}))
    ]

    assert made == ["Opaque", "x/y"]
