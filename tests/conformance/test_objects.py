"""Create, read, change, delete: one object at a time."""

from __future__ import annotations

import pytest

from tests.conformance.api import APPLY, JSON_PATCH, MERGE, STRATEGIC, Api, config_map, replica_set, widget


def test_a_created_object_gets_its_identity(api: Api):
    made = api.ask("POST", api.path("widgets"), widget("a"))

    assert made.status == 201
    assert made.meta["uid"] and made.meta["creationTimestamp"] and made.version
    assert (made.meta["generation"], made.meta["namespace"]) == (1, api.namespace)


def test_a_name_is_taken_once(api: Api):
    api.must("POST", api.path("configmaps"), config_map("a"))
    again = api.ask("POST", api.path("configmaps"), config_map("a"))

    assert (again.status, again.reason) == (409, "AlreadyExists")
    assert again.body["message"] == 'configmaps "a" already exists'
    assert again.body["details"] == {"name": "a", "kind": "configmaps"}


def test_a_missing_object_is_named_in_the_refusal(api: Api):
    missing = api.ask("GET", api.path("widgets", "nobody"))

    assert (missing.status, missing.reason) == (404, "NotFound")
    assert missing.body["message"] == 'widgets.conformance.rollouts.test "nobody" not found'


def test_a_path_that_nobody_serves_is_not_found(api: Api):
    assert api.ask("GET", "/apis/conformance.rollouts.test/v1/nothings").status == 404
    assert api.ask("GET", "/apis/nowhere.test/v1").status == 404


def test_a_body_that_is_not_json_is_a_bad_request(api: Api):
    refused = api.ask("POST", api.path("configmaps"), "{nonsense")

    assert (refused.status, refused.reason) == (400, "BadRequest")


def test_generate_name_draws_a_suffix(api: Api):
    body = config_map("x")
    body["metadata"] = {"generateName": "drawn-"}
    one, two = (api.must("POST", api.path("configmaps"), body) for _ in range(2))

    assert one.meta["name"].startswith("drawn-")
    assert one.meta["name"] != two.meta["name"]


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "dot..dot"])
def test_a_name_follows_the_rules_of_dns(api: Api, name: str):
    refused = api.ask("POST", api.path("configmaps"), config_map(name))

    assert (refused.status, refused.reason) == (422, "Invalid")
    assert refused.body["details"]["causes"][0]["field"] == "metadata.name"


def test_generation_moves_with_the_spec_alone(api: Api):
    api.must("POST", api.path("widgets"), widget("a"))
    path = api.path("widgets", "a")
    labelled = api.must("PATCH", path, {"metadata": {"labels": {"x": "y"}}}, MERGE)
    changed = api.must("PATCH", path, {"spec": {"size": "large"}}, MERGE)
    reported = api.must("PATCH", api.path("widgets", "a", "status"), {"status": {"replicas": 1}}, MERGE)

    assert [labelled.meta["generation"], changed.meta["generation"], reported.meta["generation"]] == [1, 2, 2]


def test_a_write_that_changes_nothing_keeps_the_version(api: Api):
    made = api.must("POST", api.path("widgets"), widget("a"))
    path = api.path("widgets", "a")

    assert api.must("PATCH", path, {"spec": {"size": "small"}}, MERGE).version == made.version
    assert api.must("PUT", path, made.body).version == made.version


def test_status_passes_through_its_own_door_only(api: Api):
    body = widget("a") | {"status": {"replicas": 9}}
    made = api.must("POST", api.path("widgets"), body)
    through_main = api.must("PATCH", api.path("widgets", "a"), {"status": {"replicas": 9}}, MERGE)
    through_status = api.must(
        "PATCH", api.path("widgets", "a", "status"), {"status": {"replicas": 3}, "spec": {"size": "large"}}, MERGE
    )

    assert "status" not in made.body
    assert "status" not in through_main.body
    assert through_status.body["status"] == {"replicas": 3}
    assert through_status.body["spec"]["size"] == "small"


def test_an_update_with_an_old_version_is_a_conflict(api: Api):
    made = api.must("POST", api.path("widgets"), widget("a"))
    api.must("PATCH", api.path("widgets", "a"), {"spec": {"replicas": 2}}, MERGE)
    refused = api.ask("PUT", api.path("widgets", "a"), made.body)

    assert (refused.status, refused.reason) == (409, "Conflict")
    assert refused.body["message"] == (
        'Operation cannot be fulfilled on widgets.conformance.rollouts.test "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_a_custom_object_is_not_updated_without_a_version(api: Api):
    made = api.must("POST", api.path("widgets"), widget("a"))
    del made.meta["resourceVersion"]
    refused = api.ask("PUT", api.path("widgets", "a"), made.body)

    assert (refused.status, refused.reason) == (422, "Invalid")
    assert "must be specified for an update" in refused.body["message"]


@pytest.mark.parametrize("form", [MERGE, STRATEGIC])
def test_a_patch_carries_its_precondition(api: Api, form: str):
    made = api.must("POST", api.path("configmaps"), config_map("a", x="1"))
    path = api.path("configmaps", "a")
    api.must("PATCH", path, {"metadata": {"resourceVersion": made.version}, "data": {"x": "2"}}, form)
    stale = api.ask("PATCH", path, {"metadata": {"resourceVersion": made.version}, "data": {"x": "3"}}, form)

    assert (stale.status, stale.reason) == (409, "Conflict")


def test_a_patch_of_another_uid_is_refused(api: Api):
    api.must("POST", api.path("widgets"), widget("a"))
    other = {"metadata": {"uid": "00000000-0000-4000-a000-000000000000"}, "spec": {"size": "large"}}
    refused = api.ask("PATCH", api.path("widgets", "a"), other, MERGE)

    assert (refused.status, refused.reason) in {(409, "Conflict"), (422, "Invalid")}


def test_a_merge_patch_removes_with_null_and_replaces_lists(api: Api):
    parts = [{"name": "one", "count": 1}, {"name": "two", "count": 2}]
    api.must("POST", api.path("widgets"), widget("a", replicas=3, parts=parts))
    patch = {"spec": {"replicas": None, "parts": [{"name": "three"}]}}
    changed = api.must("PATCH", api.path("widgets", "a"), patch, MERGE)

    assert "replicas" not in changed.body["spec"]
    assert changed.body["spec"]["parts"] == [{"name": "three"}]


def test_a_null_that_a_field_may_not_be_is_left_out(api: Api):
    made = api.must("POST", api.path("widgets"), widget("a", replicas=None, parts=None, mode=None))
    body = {**made.body, "spec": {**made.body["spec"], "parts": [{"name": "one", "count": None}], "replicas": None}}
    changed = api.must("PUT", api.path("widgets", "a"), body)

    assert made.body["spec"] == {"size": "small", "mode": "plain"}
    assert changed.body["spec"] == {"size": "small", "mode": "plain", "parts": [{"name": "one"}]}


def test_a_json_patch_is_all_or_nothing(api: Api):
    body = config_map("a", x="1")
    body["metadata"]["annotations"] = {"b.test/c": "1"}
    api.must("POST", api.path("configmaps"), body)
    path = api.path("configmaps", "a")
    ops = [{"op": "replace", "path": "/data/x", "value": "2"}, {"op": "test", "path": "/data/x", "value": "9"}]
    refused = api.ask("PATCH", path, ops, JSON_PATCH)
    escaped = {"op": "replace", "path": "/metadata/annotations/b.test~1c", "value": "3"}
    done = api.must("PATCH", path, [escaped], JSON_PATCH)

    assert (refused.status, refused.reason) == (422, "Invalid")
    assert done.body["data"] == {"x": "1"}
    assert done.meta["annotations"] == {"b.test/c": "3"}


def test_a_strategic_patch_merges_containers_by_name(api: Api):
    api.must("POST", api.path("replicasets"), replica_set("a"))
    containers = [{"name": "c", "image": "demo/web:good-2"}, {"name": "d", "image": "demo/side:1"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    changed = api.must("PATCH", api.path("replicasets", "a"), patch, STRATEGIC)
    found = {one["name"]: one["image"] for one in changed.body["spec"]["template"]["spec"]["containers"]}

    assert found == {"c": "demo/web:good-2", "d": "demo/side:1"}


def test_a_strategic_patch_is_not_for_custom_kinds(api: Api):
    api.must("POST", api.path("widgets"), widget("a"))
    refused = api.ask("PATCH", api.path("widgets", "a"), {"spec": {}}, STRATEGIC)

    assert (refused.status, refused.reason) == (415, "UnsupportedMediaType")


def test_a_patch_without_a_known_form_is_refused(api: Api):
    api.must("POST", api.path("configmaps"), config_map("a"))

    assert api.ask("PATCH", api.path("configmaps", "a"), {"data": {}}, "application/json").status == 415


def test_a_deletion_is_done_once(api: Api):
    made = api.must("POST", api.path("widgets"), widget("a"))
    gone = api.ask("DELETE", api.path("widgets", "a"))
    again = api.ask("DELETE", api.path("widgets", "a"))

    assert (gone.status, gone.body["kind"], gone.body["status"]) == (200, "Status", "Success")
    assert gone.body["details"]["uid"] == made.meta["uid"]
    assert again.status == 404


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_a_deletion_carries_its_precondition(api: Api, field: str):
    api.must("POST", api.path("configmaps"), config_map("a"))
    wrong = {"uid": "00000000-0000-4000-a000-000000000000", "resourceVersion": "1"}[field]
    refused = api.ask("DELETE", api.path("configmaps", "a"), {"preconditions": {field: wrong}})

    assert (refused.status, refused.reason) == (409, "Conflict")
    assert api.ask("GET", api.path("configmaps", "a")).status == 200


def test_finalizers_hold_a_deletion_up(api: Api):
    body = widget("a")
    body["metadata"]["finalizers"] = ["conformance.rollouts.test/hold"]
    api.must("POST", api.path("widgets"), body)
    path = api.path("widgets", "a")
    held = api.ask("DELETE", path)
    added = api.ask("PATCH", path, {"metadata": {"finalizers": ["conformance.rollouts.test/hold", "x.test/y"]}}, MERGE)
    released = api.ask("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)

    assert held.meta["deletionTimestamp"]
    assert (added.status, added.reason) == (422, "Invalid")
    assert released.status == 200
    assert api.ask("GET", path).status == 404


def test_a_dry_run_leaves_no_trace(api: Api):
    tried = api.ask("POST", api.path("widgets"), widget("a"), dryRun="All")

    assert tried.status == 201
    assert tried.body["spec"]["mode"] == "plain"
    assert api.ask("GET", api.path("widgets", "a")).status == 404

    made = api.must("POST", api.path("widgets"), widget("a"))
    changed = api.must("PATCH", api.path("widgets", "a"), {"spec": {"size": "large"}}, MERGE, dryRun="All")
    api.must("DELETE", api.path("widgets", "a"), dryRun="All")

    assert changed.body["spec"]["size"] == "large"
    assert api.must("GET", api.path("widgets", "a")).body["spec"]["size"] == "small"
    assert api.must("GET", api.path("widgets", "a")).version == made.version


def test_scale_reads_and_writes_replicas(api: Api):
    api.must("POST", api.path("widgets"), widget("a", replicas=2))
    api.must("PATCH", api.path("widgets", "a", "status"), {"status": {"replicas": 1, "selector": "a=b"}}, MERGE)
    path = api.path("widgets", "a", "scale")
    seen = api.must("GET", path)
    api.must("PATCH", path, {"spec": {"replicas": 5}}, MERGE)

    assert (seen.body["kind"], seen.body["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (seen.body["spec"], seen.body["status"]) == ({"replicas": 2}, {"replicas": 1, "selector": "a=b"})
    after = api.must("GET", api.path("widgets", "a"))
    assert (after.body["spec"]["replicas"], after.meta["generation"]) == (5, 2)


def test_a_schema_defaults_prunes_and_refuses(api: Api):
    made = api.must("POST", api.path("widgets"), widget("a", unknown=1, free={"anything": [1]}))

    assert made.body["spec"] == {"size": "small", "mode": "plain", "free": {"anything": [1]}}

    for body, field in (
        (widget("b", size="huge"), "spec.size"),
        (widget("b", replicas=101), "spec.replicas"),
        (widget("b", replicas="3"), "spec.replicas"),
        ({**widget("b"), "spec": {}}, "spec.size"),
        (widget("b", parts=[{"name": "x"}, {"name": "x"}]), "spec.parts[1]"),
    ):
        refused = api.ask("POST", api.path("widgets"), body)

        assert (refused.status, refused.reason) == (422, "Invalid"), body
        assert field in [cause["field"] for cause in refused.body["details"]["causes"]]


def test_strict_validation_names_the_unknown_field(api: Api):
    refused = api.ask("POST", api.path("widgets"), widget("a", unknown=1), fieldValidation="Strict")

    assert (refused.status, refused.reason) == (400, "BadRequest")
    assert 'unknown field "spec.unknown"' in refused.body["message"]


def test_an_apply_owns_what_it_says(api: Api):
    path = api.path("widgets", "a")
    made = api.ask("PATCH", path, widget("a", replicas=2), APPLY, fieldManager="one")
    conflict = api.ask("PATCH", path, widget("a", replicas=3), APPLY, fieldManager="two")
    forced = api.ask("PATCH", path, widget("a", replicas=3), APPLY, fieldManager="two", force="true")
    dropped = api.ask("PATCH", path, widget("a"), APPLY, fieldManager="two")

    assert (made.status, forced.status, dropped.status) == (201, 200, 200)
    assert (conflict.status, conflict.reason) == (409, "Conflict")
    assert conflict.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.replicas"}
    ]
    assert forced.body["spec"]["replicas"] == 3
    assert "replicas" not in dropped.body["spec"]


def test_an_apply_needs_a_manager(api: Api):
    refused = api.ask("PATCH", api.path("widgets", "a"), widget("a"), APPLY)

    assert refused.status in (400, 422)
    assert "fieldManager" in refused.body["message"]


def test_an_apply_merges_keyed_lists_of_two_managers(api: Api):
    path = api.path("widgets", "a")
    api.must("PATCH", path, widget("a", parts=[{"name": "x", "count": 1}]), APPLY, fieldManager="one")
    both = api.must("PATCH", path, widget("a", parts=[{"name": "y"}]), APPLY, fieldManager="two", force="true")
    less = api.must("PATCH", path, widget("a"), APPLY, fieldManager="one")

    assert [part["name"] for part in both.body["spec"]["parts"]] == ["x", "y"]
    assert [part["name"] for part in less.body["spec"]["parts"]] == ["y"]


def test_the_same_apply_twice_changes_nothing(api: Api):
    path = api.path("widgets", "a")
    one = api.must("PATCH", path, widget("a"), APPLY, fieldManager="one")
    two = api.must("PATCH", path, widget("a"), APPLY, fieldManager="one")

    assert two.version == one.version


def test_an_update_is_written_down_for_its_manager(api: Api):
    made = api.must("POST", api.path("configmaps"), config_map("a", x="1"), fieldManager="maker")
    entry = made.meta["managedFields"][0]

    assert (entry["manager"], entry["operation"]) == ("maker", "Update")
    assert entry["fieldsV1"]["f:data"]["f:x"] == {}


def test_owners_that_a_write_sends_along_count_from_then_on(api: Api):
    made = api.must("POST", api.path("configmaps"), config_map("a", x="1"), fieldManager="maker")
    heir = {**made.meta["managedFields"][0], "manager": "heir", "operation": "Apply"}
    change = {**made.body, "metadata": {**made.meta, "managedFields": [heir]}, "data": {"x": "1", "y": "2"}}

    after = api.must("PUT", api.path("configmaps", "a"), change, fieldManager="maker")

    owners = {each["manager"]: set(each["fieldsV1"]["f:data"]) - {"."} for each in after.meta["managedFields"]}
    assert owners == {"heir": {"f:x"}, "maker": {"f:y"}}
