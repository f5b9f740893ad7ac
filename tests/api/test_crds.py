"""What the API server is told about our kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollouts.api.crds import BYTES_MAX, DEFINITIONS, definitions, files, main

ROOT = Path(__file__).parents[2]


def schema(crd: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def properties(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of a schema with its path."""
    for name, inner in node.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from properties(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from properties(node[key], f"{path}[]")


def at(crd: dict[str, Any], path: str) -> dict[str, Any]:
    return dict(properties(schema(crd)))[path]


ROLLOUT, TEMPLATE, CLUSTER_TEMPLATE, RUN, EXPERIMENT, APPLICATION, PROJECT = definitions()


@pytest.mark.parametrize("name", files())
def test_the_file_is_what_the_models_say(name: str) -> None:
    assert (ROOT / "crds" / name).read_text(encoding="utf-8") == files()[name]


def test_no_other_file_lies_among_them() -> None:
    assert {path.name for path in (ROOT / "crds").glob("*.yaml")} == set(files())


def test_check_tells_a_stale_folder_and_writing_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = main(["--check", str(tmp_path)])
    main([str(tmp_path)])

    assert (before, main(["--check", str(tmp_path)])) == (1, 0)
    assert "rollout.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("name", files())
def test_a_crd_fits_into_the_annotation_of_a_client_side_apply(name: str) -> None:
    assert len(files()[name].encode()) <= BYTES_MAX


@pytest.mark.parametrize("crd", definitions(), ids=lambda crd: str(crd["spec"]["names"]["kind"]))
def test_every_field_is_described(crd: dict[str, Any]) -> None:
    bare = [path for path, node in properties(schema(crd)) if path != ".metadata" and not node.get("description")]

    assert bare == []


@pytest.mark.parametrize("crd", definitions(), ids=lambda crd: str(crd["spec"]["names"]["kind"]))
def test_no_field_has_a_default_that_would_show_as_drift(crd: dict[str, Any]) -> None:
    assert [path for path, node in properties(schema(crd)) if "default" in node] == []


@pytest.mark.parametrize("crd", definitions(), ids=lambda crd: str(crd["spec"]["names"]["kind"]))
def test_every_list_is_bounded_and_says_how_it_merges(crd: dict[str, Any]) -> None:
    lists = [(path, node) for path, node in properties(schema(crd)) if node.get("type") == "array"]

    assert [path for path, node in lists if not node.get("maxItems") or not node.get("x-kubernetes-list-type")] == []


def test_rules_speak_for_what_users_get_wrong() -> None:
    nodes = [schema(ROLLOUT), *(node for _, node in properties(schema(ROLLOUT)))]
    items = [node["items"] for node in nodes if "items" in node]
    rules = {rule["message"] for node in (*nodes, *items) for rule in node.get("x-kubernetes-validations", ())}

    assert len(rules) >= 25
    assert ".spec.selector is immutable" in rules
    assert "MaxSurge and MaxUnavailable both can not be zero" in rules


def test_only_the_rollout_has_subresources() -> None:
    versions = {crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0] for crd in definitions()}

    assert {kind for kind, version in versions.items() if "subresources" in version} == {"Rollout"}
    assert versions["Rollout"]["subresources"] == {
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.HPAReplicas",
            "labelSelectorPath": ".status.selector",
        },
        "status": {},
    }


def test_short_names_and_columns_are_the_contracts() -> None:
    names = {crd["spec"]["names"]["kind"]: crd["spec"]["names"]["shortNames"] for crd in definitions()}
    columns = [
        column["name"]
        for column in ROLLOUT["spec"]["versions"][0]["additionalPrinterColumns"]
        if not column.get("priority")
    ]

    assert names == {
        "Rollout": ["ro"],
        "AnalysisTemplate": ["at"],
        "ClusterAnalysisTemplate": ["cat"],
        "AnalysisRun": ["ar"],
        "Experiment": ["exp"],
        "Application": ["app", "apps"],
        "AppProject": ["appproj", "appprojs"],
    }
    assert columns == ["Desired", "Current", "Up-to-date", "Available", "Age"]


@pytest.mark.parametrize(
    ("crd", "path", "key"),
    [
        (TEMPLATE, ".spec.metrics", "name"),
        (TEMPLATE, ".spec.args", "name"),
        (RUN, ".spec.metrics", "name"),
        (ROLLOUT, ".spec.strategy.canary.trafficRouting.managedRoutes", "name"),
        (EXPERIMENT, ".spec.templates", "name"),
    ],
)
def test_lists_of_named_things_merge_by_name(crd: dict[str, Any], path: str, key: str) -> None:
    node = at(crd, path)

    assert (node["x-kubernetes-list-type"], node["x-kubernetes-list-map-keys"]) == ("map", [key])
    assert key in node["items"]["required"]


@pytest.mark.parametrize(
    ("crd", "path", "expected"),
    [
        (ROLLOUT, ".spec.template", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        (ROLLOUT, ".spec.replicas", {"type": "integer", "format": "int32", "minimum": 0}),
        (ROLLOUT, ".status.workloadObservedGeneration", {"type": "string"}),
        (TEMPLATE, ".spec.metrics[].failureCondition", {"type": "string", "maxLength": 8192}),
        (ROLLOUT, ".spec.strategy.canary.trafficRouting.plugins",
         {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    ],
)  # fmt: skip
def test_types_are_the_contracts(crd: dict[str, Any], path: str, expected: dict[str, Any]) -> None:
    assert {key: value for key, value in at(crd, path).items() if key != "description"} == expected


@pytest.mark.parametrize(
    "path",
    [
        ".spec.strategy.canary.maxSurge",
        ".spec.strategy.canary.steps[].pause.duration",
        ".status.observedGeneration",
    ],
)
def test_what_may_be_a_number_or_a_text_is_both(path: str) -> None:
    assert at(ROLLOUT, path)["x-kubernetes-int-or-string"]


def test_an_application_takes_its_operation_beside_its_spec_and_needs_no_project() -> None:
    shape = schema(APPLICATION)

    assert sorted(shape["properties"]) == ["apiVersion", "kind", "metadata", "operation", "spec", "status"]
    assert shape["properties"]["spec"]["required"] == ["destination"]


def test_a_project_has_no_field_that_must_be_given() -> None:
    assert "required" not in schema(PROJECT)["properties"]["spec"]


def test_a_cluster_template_is_cluster_scoped_and_all_are_served() -> None:
    assert [crd["spec"]["scope"] for crd in definitions()].count("Cluster") == 1
    assert CLUSTER_TEMPLATE["spec"]["scope"] == "Cluster"
    assert len(DEFINITIONS) == 7
