"""The official Python client works on the embedded cluster: typed, for custom objects, and dynamic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, config, dynamic, watch

from tests.cli.cluster import Cluster
from tests.devplane.test_kubectl import EXAMPLE

OURS = ("argoproj.io", "v1alpha1", "default", "rollouts")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.ApiClient]:
    with Cluster() as cluster:
        path = tmp_path_factory.mktemp("client") / "kubeconfig"
        cluster.do(lambda devplane: devplane.write_kubeconfig(path))
        with config.new_client_from_config(str(path)) as found:
            yield found


def rollout(name: str) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((EXAMPLE / "rollout.yaml").read_text())
    return {**body, "metadata": {"name": name}}


def refused(call: Any) -> tuple[int, str]:
    with pytest.raises(client.ApiException) as caught:
        call()
    return caught.value.status, caught.value.reason


def test_typed_objects_are_made_read_changed_replaced_and_deleted(api: client.ApiClient):
    core = client.CoreV1Api(api)
    body = {"metadata": {"name": "typed"}, "data": {"x": "1"}}
    core.create_namespaced_config_map("default", body)
    old = core.read_namespaced_config_map("typed", "default")
    patched = core.patch_namespaced_config_map("typed", "default", {"data": {"y": "2"}})
    again = refused(lambda: core.create_namespaced_config_map("default", body))
    stale = refused(lambda: core.replace_namespaced_config_map("typed", "default", old))
    core.delete_namespaced_config_map("typed", "default")

    assert patched.data == {"x": "1", "y": "2"}
    assert again == (409, "Conflict")
    assert stale == (409, "Conflict")
    assert refused(lambda: core.read_namespaced_config_map("typed", "default")) == (404, "Not Found")


def test_a_deployment_is_scaled_and_its_pods_are_listed(api: client.ApiClient):
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    labels = {"app": "typed"}
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels),
        spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="demo/web:good-1")]),
    )
    spec = client.V1DeploymentSpec(replicas=1, selector=client.V1LabelSelector(match_labels=labels), template=template)
    apps.create_namespaced_deployment(
        "default", client.V1Deployment(metadata=client.V1ObjectMeta(name="typed"), spec=spec)
    )
    apps.patch_namespaced_deployment_scale("typed", "default", {"spec": {"replicas": 2}})
    for event in watch.Watch().stream(apps.list_namespaced_deployment, "default", timeout_seconds=20):
        if (event["object"].status.ready_replicas or 0) == 2:
            break
    pods = core.list_namespaced_pod("default", label_selector="app=typed").items
    apps.delete_namespaced_deployment("typed", "default")

    assert len(pods) == 2
    assert {pod.status.phase for pod in pods} == {"Running"}


def test_a_rollout_is_a_custom_object_like_any_other(api: client.ApiClient):
    custom = client.CustomObjectsApi(api)
    made = custom.create_namespaced_custom_object(*OURS, rollout("custom"))
    custom.patch_namespaced_custom_object(*OURS, "custom", {"spec": {"replicas": 1}})
    custom.patch_namespaced_custom_object_status(*OURS, "custom", {"status": {"phase": "Progressing"}})
    custom.patch_namespaced_custom_object_scale(*OURS, "custom", {"spec": {"replicas": 2}})
    found = custom.get_namespaced_custom_object(*OURS, "custom")
    listed = custom.list_namespaced_custom_object(*OURS, field_selector="metadata.name=custom")
    replaced = custom.replace_namespaced_custom_object(*OURS, "custom", {**found, "spec": made["spec"]})
    custom.delete_namespaced_custom_object(*OURS, "custom")

    assert (found["spec"]["replicas"], found["status"]["phase"]) == (2, "Progressing")
    assert [each["metadata"]["name"] for each in listed["items"]] == ["custom"]
    assert replaced["spec"]["replicas"] == made["spec"]["replicas"]


def test_a_watch_resumes_where_the_list_ended(api: client.ApiClient):
    custom = client.CustomObjectsApi(api)
    version = custom.list_namespaced_custom_object(*OURS)["metadata"]["resourceVersion"]
    custom.create_namespaced_custom_object(*OURS, rollout("watched"))
    custom.patch_namespaced_custom_object(*OURS, "watched", {"metadata": {"labels": {"a": "b"}}})
    custom.delete_namespaced_custom_object(*OURS, "watched")
    stream = watch.Watch().stream(
        custom.list_namespaced_custom_object, *OURS, resource_version=version, timeout_seconds=20
    )
    told = [event["type"] for _, event in zip(range(3), stream, strict=False)]

    assert told == ["ADDED", "MODIFIED", "DELETED"]


def test_the_dynamic_client_discovers_and_applies(api: client.ApiClient):
    found = dynamic.DynamicClient(api)
    rollouts = found.resources.get(api_version="argoproj.io/v1alpha1", kind="Rollout")
    body = rollout("dynamic")
    made = rollouts.server_side_apply(body=body, namespace="default", field_manager="one")
    patched = rollouts.patch(
        name="dynamic",
        namespace="default",
        body=[{"op": "replace", "path": "/spec/replicas", "value": 7}],
        content_type="application/json-patch+json",
    )
    with pytest.raises(dynamic.exceptions.ConflictError):
        rollouts.server_side_apply(
            body={**body, "spec": {**body["spec"], "replicas": 8}}, namespace="default", field_manager="two"
        )
    listed = rollouts.get(namespace="default", label_selector="none=none")
    rollouts.delete(name="dynamic", namespace="default")

    assert made.spec.replicas == body["spec"]["replicas"]
    assert patched.spec.replicas == 7
    assert list(listed.items) == []
    with pytest.raises(dynamic.exceptions.NotFoundError):
        rollouts.get(name="dynamic", namespace="default")


def test_rights_are_asked_for_and_granted(api: client.ApiClient):
    attributes = client.V1ResourceAttributes(verb="delete", resource="rollouts", group="argoproj.io")
    asked = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    answer = client.AuthorizationV1Api(api).create_self_subject_access_review(asked)

    assert answer.status.allowed is True
