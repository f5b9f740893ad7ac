"""What counts as a difference, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rollouts.api.application import IgnoreDifference
from rollouts.gitops.diff import ignore, jqpath, picture
from rollouts.gitops.diff.compare import LAST_APPLIED, changes
from rollouts.gitops.diff.merge import three_way
from rollouts.gitops.keys import Key, key_of
from tests.gitops.shop import config, deployment

WEB = Key("apps", "Deployment", "shop", "web")


def stored(manifest: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """The manifest as a server would have it, with more parts."""
    meta = {**manifest["metadata"], "uid": "1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "x"}
    return {**manifest, "metadata": meta, "status": {"ready": True}, **parts}


def with_container(**fields: Any) -> dict[str, Any]:
    found = deployment("web")
    container = {**found["spec"]["template"]["spec"]["containers"][0], **fields}
    spec = {**found["spec"], "template": {**found["spec"]["template"], "spec": {"containers": [container]}}}
    return {**found, "spec": spec}


def scaler(target: dict[str, Any]) -> dict[str, Any]:
    metrics = [{"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", **target}}}]
    meta = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    return {**meta, "spec": {"metrics": metrics}}


def binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "r"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
    }


def cr(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Car", "metadata": {"name": "red"}, "spec": spec}


@pytest.mark.parametrize(
    ("story", "git", "live"),
    [
        ("status and the server's metadata", config("a", x="1"), stored(config("a", x="1"))),
        ("a default beside", deployment("web"), stored(with_container(imagePullPolicy="Always"))),
        (
            "a quantity in other words",
            with_container(resources={"limits": {"cpu": 1}}),
            with_container(resources={"limits": {"cpu": "1000m"}}),
        ),
        (
            "what an autoscaler aims at in other words",
            scaler({"averageValue": "1000m"}),
            scaler({"averageValue": "1"}),
        ),
        ("an empty field that was left out", with_container(env=[], command=None), deployment("web")),
        (
            "another's annotation",
            config("a"),
            {**config("a"), "metadata": {"name": "a", "annotations": {"theirs": "x"}}},
        ),
        (
            "a sidecar that was injected",
            deployment("web"),
            {
                **deployment("web"),
                "spec": {
                    **deployment("web")["spec"],
                    "template": {
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {
                            "containers": [
                                {"name": "proxy", "image": "p"},
                                *deployment("web")["spec"]["template"]["spec"]["containers"],
                            ]
                        },
                    },
                },
            },
        ),
        (
            "defaults in the items of a list of a custom kind",
            cr({"doors": [{"name": "l"}]}),
            cr({"doors": [{"name": "l", "locked": True}]}),
        ),
        (
            "a Secret's texts as data",
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}},
        ),
        ("subjects that git leaves to others", binding(), {**binding(), "subjects": [{"kind": "Group", "name": "g"}]}),
        (
            "a subject without its API group",
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "r"},
                "subjects": [{"kind": "Group", "name": "g"}],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "r"},
                "subjects": [{"kind": "Group", "name": "g", "apiGroup": "rbac.authorization.k8s.io"}],
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_these_are_no_differences(story: str, git: dict[str, Any], live: dict[str, Any]) -> None:
    assert changes(git, live) == ()


@pytest.mark.parametrize(
    ("story", "git", "live", "path"),
    [
        ("a value", config("a", x="1"), config("a", x="2"), "data.x"),
        ("a missing field", config("a", x="1"), config("a"), "data.x"),
        (
            "an image, by its container",
            with_container(image="web:2"),
            deployment("web"),
            "spec.template.spec.containers[name=web].image",
        ),
        (
            "a list of a custom kind that somebody made longer",
            cr({"tags": ["a"]}),
            cr({"tags": ["a", "b"]}),
            "spec.tags",
        ),
        (
            "a variable that only looks like a quantity",
            with_container(env=[{"name": "VERSION", "value": "1.10"}]),
            with_container(env=[{"name": "VERSION", "value": "1.1"}]),
            "spec.template.spec.containers[name=web].env[name=VERSION].value",
        ),
        (
            "a setting that only looks like a quantity",
            config("a", memory="1Gi"),
            config("a", memory="1024Mi"),
            "data.memory",
        ),
        ("true is not 1", cr({"on": True}), cr({"on": 1}), "spec.on"),
        ("a text is no number outside quantities", cr({"size": "1"}), cr({"size": 1}), "spec.size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_these_are_differences(story: str, git: dict[str, Any], live: dict[str, Any], path: str) -> None:
    assert [change.pointer for change in changes(git, live)] == [path]


def test_a_field_that_we_applied_and_git_dropped_is_a_difference_and_anothers_is_not() -> None:
    live = stored(config("a", ours="1", theirs="2"))
    live["metadata"]["managedFields"] = [
        {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:data": {"f:ours": {}}}},
        {
            "manager": "someone",
            "operation": "Update",
            "fieldsV1": {"f:data": {"f:theirs": {}}},
            "time": "2026-01-01T00:00:00Z",
        },
    ]

    assert [change.pointer for change in changes(config("a"), live)] == ["data.ours"]


def test_a_field_of_the_last_client_side_apply_is_ours_too() -> None:
    live = stored(config("a", marks={LAST_APPLIED: '{"data":{"x":"1","y":"2"}}'}, x="1", y="2"))

    assert [change.pointer for change in changes(config("a", y="2"), live)] == ["data.x"]


def test_an_item_of_the_last_client_side_apply_that_git_dropped_is_a_difference() -> None:
    one, other = {"name": "ONE", "value": "1"}, {"name": "OTHER", "value": "2"}
    before = with_container(env=[one, other])
    live = stored(with_container(env=[one, other, {"name": "INJECTED", "value": "3"}]))
    live["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(before)}

    found = changes(with_container(env=[one]), live)

    assert [change.pointer for change in found] == ["spec.template.spec.containers[name=web].env[name=OTHER]"]


def test_an_item_of_a_set_that_we_applied_and_git_dropped_is_a_difference_and_anothers_is_not() -> None:
    live = stored({**config("a"), "metadata": {"name": "a", "finalizers": ["a/kept", "a/dropped", "a/theirs"]}})
    ours = {'v:"a/kept"': {}, 'v:"a/dropped"': {}}
    fields = {"f:metadata": {"f:finalizers": {".": {}, **ours}}}
    live["metadata"]["managedFields"] = [
        {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": fields},
    ]

    found = changes({**config("a"), "metadata": {"name": "a", "finalizers": ["a/kept"]}}, live)

    assert [(change.pointer, change.live) for change in found] == [("metadata.finalizers", ["a/dropped"])]


def test_ownership_that_is_malformed_owns_nothing() -> None:
    live = stored(config("a", x="2"))
    live["metadata"]["managedFields"] = [
        None,
        7,
        {"fieldsV1": "no"},
        {"manager": "m", "fieldsV1": {"k:{": {}, "f:data": 3}},
    ]

    assert [change.manager for change in changes(config("a", x="1"), live)] == [""]


@pytest.mark.parametrize(
    ("rule", "is_quiet"),
    [
        ({"kind": "Deployment", "group": "apps", "jsonPointers": ["/spec/replicas"]}, True),
        ({"kind": "*", "group": "*", "jsonPointers": ["/spec/replicas"]}, True),
        ({"kind": "Deployment", "group": "apps", "name": "other", "jsonPointers": ["/spec/replicas"]}, False),
        ({"kind": "Deployment", "group": "apps", "jqPathExpressions": [".spec.replicas"]}, True),
        ({"kind": "Deployment", "group": "apps", "managedFieldsManagers": ["scaler"]}, True),
        ({"kind": "Deployment", "group": "apps", "managedFieldsManagers": ["nobody"]}, False),
    ],
)
def test_ignore_rules_speak_by_pointer_by_jq_and_by_manager(rule: dict[str, Any], is_quiet: bool) -> None:
    live = stored(deployment("web", replicas=9))
    live["metadata"]["managedFields"] = [
        {"manager": "scaler", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    ]
    rules, wrong = ignore.read([IgnoreDifference.model_validate(rule)])
    places = ignore.ignored(rules, WEB, deployment("web"), live)

    found = changes(ignore.without(deployment("web"), places), ignore.without(live, places))

    assert (found == (), wrong) == (is_quiet, ())


def test_a_manager_that_writes_through_a_subresource_or_a_label_is_left_its_fields() -> None:
    git = {**deployment("web"), "metadata": {"name": "web", "labels": {"tier": "a"}}}
    live = stored({**deployment("web", replicas=9), "metadata": {"name": "web", "labels": {"tier": "b"}}})
    live["metadata"]["managedFields"] = [
        {
            "manager": "kubectl",
            "operation": "Update",
            "subresource": "scale",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        },
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:tier": {}}}}},
    ]
    rule = {"kind": "Deployment", "group": "apps", "managedFieldsManagers": ["kubectl"]}
    rules, _ = ignore.read([IgnoreDifference.model_validate(rule)])
    places = ignore.ignored(rules, WEB, git, live)

    assert changes(git, live) != ()
    assert changes(ignore.without(git, places), ignore.without(live, places)) == ()


def containers(group: str, *given: tuple[str, str]) -> dict[str, Any]:
    found = deployment("web")
    listed = [{"name": name, "image": image} for name, image in given]
    template = {**found["spec"]["template"], "spec": {"containers": listed}}
    return {**found, "apiVersion": f"{group}/v1", "spec": {**found["spec"], "template": template}}


@pytest.mark.parametrize("group", ["apps", "argoproj.io"])
def test_what_is_ignored_of_an_item_says_nothing_of_the_one_that_stands_there_on_the_other_side(group: str) -> None:
    path = '.spec.template.spec.containers[] | select(.name == "web") | .image'
    rules, _ = ignore.read(
        [IgnoreDifference.model_validate({"group": group, "kind": "*", "jqPathExpressions": [path]})]
    )
    git = containers(group, ("proxy", "proxy:2"), ("web", "web:1"))
    live = containers(group, ("web", "web:9"), ("proxy", "proxy:1"))
    places = ignore.ignored(rules, Key(group, "Deployment", "shop", "web"), git, live)

    kept = ignore.restored(git, live, places)

    assert kept == containers(group, ("proxy", "proxy:2"), ("web", "web:9"))
    assert ignore.without(git, places)["spec"]["template"]["spec"]["containers"] == [
        {"name": "proxy", "image": "proxy:2"},
        {"name": "web"},
    ]


@pytest.mark.parametrize(
    "path", [".spec.template.spec.initContainers[].image", ".spec.template.spec.initContainers[0]"]
)
def test_an_item_that_git_does_not_have_is_not_brought_back_by_an_ignored_field(path: str) -> None:
    live = deployment("web")
    live["spec"]["template"]["spec"]["initContainers"] = [{"name": "injected", "image": "x"}]
    rules, _ = ignore.read(
        [IgnoreDifference.model_validate({"group": "apps", "kind": "*", "jqPathExpressions": [path]})]
    )

    assert ignore.restored(deployment("web"), live, ignore.ignored(rules, WEB, deployment("web"), live)) == deployment(
        "web"
    )


def test_no_rule_hides_whose_an_object_is() -> None:
    mark = {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}
    git = {**deployment("web"), "metadata": {"name": "web", **mark}}
    live = stored(deployment("web"))
    owned = {"f:metadata": {"f:annotations": {"f:argocd.argoproj.io/tracking-id": {}}}}
    live["metadata"]["managedFields"] = [{"manager": "eve", "operation": "Update", "fieldsV1": owned}]
    live["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "other:apps/Deployment:shop/web"}
    rules, _ = ignore.read([IgnoreDifference.model_validate({"kind": "*", "managedFieldsManagers": ["eve"]})])

    assert ignore.ignored(rules, WEB, git, live) == ()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('startswith("inject")', ["injected"]),
        ('endswith("web")', ["web"]),
        ('contains("ject")', ["injected"]),
        ('startswith("x")', []),
    ],
)
def test_a_path_may_ask_how_a_text_begins_ends_and_what_it_holds(asked: str, found: list[str]) -> None:
    names = ["web", "injected"]
    value = {"containers": [{"name": name} for name in names]}

    told = jqpath.places(jqpath.compile_path(f".containers[] | select(.name | {asked})"), value)

    assert [names[int(place[1])] for place in told] == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('.name | test("^in")', ["injected"]),
        ('.name | test("^IN"; "i")', ["injected"]),
        ('.name | test("^in") | not', ["web"]),
        ('(.name == "web") or (.name | test("d$"))', ["web", "injected"]),
        ('(.name == "web" or .name == "other") | not', ["injected"]),
        ('has("image") | not', ["injected"]),
    ],
)
def test_jq_selects_by_regular_expressions_brackets_and_negations(asked: str, found: list[str]) -> None:
    value = {"containers": [{"name": "web", "image": "web:1"}, {"name": "injected"}]}

    told = jqpath.places(jqpath.compile_path(f".containers[] | select({asked})"), value)

    assert [value["containers"][int(place[1])]["name"] for place in told] == found


@pytest.mark.parametrize(
    "path",
    [
        "[range(1e9)]", "def f: f; f", "spec", ".a | map(.)", ".a[", "x" * 5000, '.a | sub("x"; "y")', ".a | not",
        '.a | select(test("("))', '.a | select(test("x"; "x"))', ".a | select(.b[] | not)", ".a | select(" + "(" * 400,
    ],
)  # fmt: skip
def test_a_jq_program_that_is_no_path_is_refused_by_name(path: str) -> None:
    _, wrong = ignore.read([IgnoreDifference.model_validate({"kind": "*", "jqPathExpressions": [path]})])

    assert len(wrong) == 1 and wrong[0].startswith("spec.ignoreDifferences[0]: ")


def test_what_is_secret_shows_as_a_hash_that_tells_equal_from_different() -> None:
    git = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "hunter2"}}
    live = stored({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "b2xk"}})

    (row,) = picture.rows(key_of(git), "uid", changes(git, live))

    assert row["path"] == "data.a" and row["git"] != row["live"]
    assert all("sha256:" in row[side] for side in ("git", "live"))
    assert not any(word in str(row) for word in ("hunter2", "aHVudGVyMg==", "b2xk", "old"))


def test_a_client_side_merge_keeps_what_others_added_and_drops_what_we_dropped() -> None:
    applied = with_container(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    live = with_container(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "T", "value": "3"}])
    wanted = with_container(env=[{"name": "A", "value": "9"}])

    merged = three_way(applied, wanted, live)

    (container,) = merged["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "A", "value": "9"}, {"name": "T", "value": "3"}]
