"""Is it well? A row a story."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.gitops.health.custom import compile_check
from rollouts.gitops.health.model import Health, Status
from rollouts.gitops.health.table import assess, worst
from rollouts.gitops.keys import Key, key_of


def live(api: str, kind: str, spec: Any = None, status: Any = None, **meta: Any) -> dict[str, Any]:
    found = {"name": "x", "namespace": "shop", **meta}
    return {"apiVersion": api, "kind": kind, "metadata": found, "spec": spec or {}, "status": status or {}}


def condition(kind: str, status: str = "True", **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, **more}]}


UP = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
SEEN = {"generation": 2}
CHILD = {"source": {"repoURL": "r"}, "syncPolicy": {"automated": {}}}
SYNCED = {"sync": {"status": "Synced", "comparedTo": {"source": {"repoURL": "r"}}}, "health": {"status": "Healthy"}}


@pytest.mark.parametrize(
    ("story", "manifest", "expected"),
    [
        ("all replicas are up", live("apps/v1", "Deployment", {"replicas": 2}, UP, **SEEN), "Healthy"),
        (
            "the spec was not seen",
            live("apps/v1", "Deployment", {"replicas": 2}, {**UP, "observedGeneration": 1}, **SEEN),
            "Progressing",
        ),
        ("nothing was reported yet", live("apps/v1", "Deployment", {"replicas": 2}, {}, generation=1), "Progressing"),
        ("paused", live("apps/v1", "Deployment", {"paused": True}, UP, **SEEN), "Suspended"),
        (
            "too late",
            live(
                "apps/v1",
                "Deployment",
                {"replicas": 2},
                {**UP, **condition("Progressing", "False", reason="ProgressDeadlineExceeded")},
                **SEEN,
            ),
            "Degraded",
        ),
        (
            "old pods remain",
            live("apps/v1", "Deployment", {"replicas": 2}, {**UP, "replicas": 3}, **SEEN),
            "Progressing",
        ),
        (
            "a partition",
            live(
                "apps/v1",
                "StatefulSet",
                {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
                {**UP, "updatedReplicas": 1},
                **SEEN,
            ),
            "Healthy",
        ),
        (
            "another revision",
            live(
                "apps/v1", "StatefulSet", {"replicas": 2}, {**UP, "updateRevision": "b", "currentRevision": "a"}, **SEEN
            ),
            "Progressing",
        ),
        ("a Job that ended", live("batch/v1", "Job", {}, condition("Complete")), "Healthy"),
        ("a Job that failed", live("batch/v1", "Job", {}, condition("Failed")), "Degraded"),
        ("a Job that runs", live("batch/v1", "Job", {}, {"active": 1}), "Progressing"),
        ("a schedule that never ran", live("batch/v1", "CronJob", {}, {}), "Healthy"),
        ("a claim that waits", live("v1", "PersistentVolumeClaim", {}, {"phase": "Pending"}), "Progressing"),
        ("a load balancer to come", live("v1", "Service", {"type": "LoadBalancer"}), "Progressing"),
        ("a plain Service", live("v1", "Service"), "Healthy"),
        (
            "an image that is not there",
            live(
                "v1",
                "Pod",
                {},
                {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
            ),
            "Degraded",
        ),
        (
            "a paused Rollout",
            live("argoproj.io/v1alpha1", "Rollout", {}, {"phase": "Paused", "observedGeneration": "2"}, **SEEN),
            "Suspended",
        ),
        (
            "a Rollout not seen",
            live("argoproj.io/v1alpha1", "Rollout", {}, {"phase": "Healthy", "observedGeneration": "1"}, **SEEN),
            "Progressing",
        ),
        (
            "a Rollout not seen, told by number",
            live("argoproj.io/v1alpha1", "Rollout", {}, {"phase": "Healthy", "observedGeneration": 1}, **SEEN),
            "Progressing",
        ),
        (
            "a Rollout not seen, told by its conditions",
            live(
                "argoproj.io/v1alpha1",
                "Rollout",
                {},
                {"phase": "Healthy", "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]},
                **SEEN,
            ),
            "Progressing",
        ),
        (
            "a Rollout whose CRD keeps no generation",
            live("argoproj.io/v1alpha1", "Rollout", {}, {"phase": "Healthy"}, **SEEN),
            "Healthy",
        ),
        (
            "a run without verdict",
            live("argoproj.io/v1alpha1", "AnalysisRun", {}, {"phase": "Inconclusive"}),
            "Unknown",
        ),
        ("a child that is well", live("argoproj.io/v1alpha1", "Application", CHILD, SYNCED), "Healthy"),
        (
            "a child with a null among its values",
            live("argoproj.io/v1alpha1", "Application", {"source": {**CHILD["source"], "helm": None}}, SYNCED),
            "Healthy",
        ),
        ("a child not yet compared", live("argoproj.io/v1alpha1", "Application", CHILD, {}), "Progressing"),
        (
            "a child that syncs",
            {**live("argoproj.io/v1alpha1", "Application", CHILD, SYNCED), "operation": {}},
            "Progressing",
        ),
        (
            "a secret from elsewhere",
            live("external-secrets.io/v1", "ExternalSecret", {}, condition("Ready", "False")),
            "Degraded",
        ),
        (
            "a CRD that is served",
            live("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, condition("Established")),
            "Healthy",
        ),
        ("whatever is being deleted", live("v1", "Service", deletionTimestamp="x"), "Progressing"),
        (
            "a status of nonsense",
            live("apps/v1", "Deployment", {"replicas": 2}, {"conditions": 7, "observedGeneration": "x"}, **SEEN),
            "Progressing",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_the_health_of_one_object(story: str, manifest: dict[str, Any], expected: str) -> None:
    found = assess(key_of(manifest), manifest)

    assert found is not None and found.status.value == expected


def test_a_kind_without_a_rule_has_no_health() -> None:
    assert assess(Key("", "ConfigMap", "a", "b"), live("v1", "ConfigMap")) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Healthy", "Healthy"], "Healthy"),
        (["Healthy", "Suspended"], "Suspended"),
        (["Progressing", "Suspended"], "Progressing"),
        (["Missing", "Healthy"], "Healthy"),
        (["Missing", "Progressing"], "Progressing"),
        (["Missing", "Degraded"], "Degraded"),
        (["Missing", "Missing"], "Missing"),
        ([], "Healthy"),
    ],
)
def test_the_worst_health_counts(words: list[str], expected: str) -> None:
    rows = [(Key("", "X", "", str(index)), Health(Status(word))) for index, word in enumerate(words)]

    assert worst(rows).status.value == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('return {status = obj.status.ok and "Healthy" or "Progressing", message = "m"}', "Healthy"),
        ('local word = unpack({"Healthy"}) return {status = word}', "Healthy"),
        ("while true do end", "Unknown"),
        ("while true do pcall(function() while true do end end) end", "Unknown"),
        ('return os.execute("true")', "Unknown"),
        ("return {status = tostring(io)}", "Unknown"),
        ('local s = "aaaa" for i = 1, 60 do s = s .. s end return s', "Unknown"),
        ("local t = {} while true do t[#t + 1] = {} end", "Unknown"),
        ('return {status = ("x"):rep(10)}', "Unknown"),
        ('return string.find(("a"):upper(), ".-.-.-.-b")', "Unknown"),
        ('return load("return 1")()', "Unknown"),
        ('return {status = "Weird"}', "Unknown"),
        ("return nil", "Unknown"),
    ],
)
def test_a_rule_in_lua_stays_in_its_box_and_comes_to_an_end(script: str, expected: str) -> None:
    assert compile_check(script)(live("v1", "X", {}, {"ok": True})).status.value == expected


def test_a_rule_in_lua_remembers_nothing_of_the_object_before() -> None:
    check = compile_check('if obj.status.ok then word = "Healthy" end return {status = word or "Progressing"}')

    words = [check(live("v1", "X", {}, status)).status.value for status in ({"ok": True}, {"other": 1})]

    assert words == ["Healthy", "Progressing"]


def test_a_rule_that_is_no_lua_is_refused() -> None:
    with pytest.raises(ValueError, match="syntax error"):
        compile_check("this is no lua")
