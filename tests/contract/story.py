"""One application in a namespace of its own, seen and touched through the API server alone, as any client would."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from tests.builders import a_rollout, a_template, a_template_of_analysis, the_usual

WAIT_S_MAX = 15.0
LOOK_S = 0.03
HASH = "rollouts-pod-template-hash"
MERGE = "application/merge-patch+json"
_GROUPS = {
    "Namespace": "/api/v1/namespaces",
    "Rollout": "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts",
    "AnalysisRun": "/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns",
    "Experiment": "/apis/argoproj.io/v1alpha1/namespaces/{}/experiments",
    "AnalysisTemplate": "/apis/argoproj.io/v1alpha1/namespaces/{}/analysistemplates",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Service": "/api/v1/namespaces/{}/services",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "Event": "/api/v1/namespaces/{}/events",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Pod": "/api/v1/namespaces/{}/pods",
}
Object = dict[str, Any]


def a_version(tag: int, ready_s: float = 0.05) -> Object:
    """The pod template of a version, whose pods are ready after a while."""
    template = a_template(f"shop/web:{tag}")
    template["metadata"]["annotations"] = {"player.rollouts.test/ready": str(ready_s)}
    return template


class Story:
    """The Rollout `web` and what stands around it. prometheus: where its metrics are asked."""

    def __init__(self, url: str, namespace: str, prometheus: str) -> None:
        self._url, self.namespace, self.prometheus = url, namespace, prometheus
        self._began = ""

    # The API.

    def ask(self, verb: str, path: str, body: object = None, content_type: str = "application/json") -> Object:
        """One request; raises urllib.error.HTTPError where it is refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": content_type}, method=verb)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: Object = json.loads(answer.read())
        return found

    def path(self, kind: str, name: str = "") -> str:
        """The collection of a kind in this namespace, or one object of it."""
        return _GROUPS[kind].format(self.namespace) + (f"/{name}" if name else "")

    def create(self, *manifests: Mapping[str, Any]) -> None:
        """Create objects in this namespace."""
        for each in manifests:
            body = {**each, "metadata": {**each["metadata"], "namespace": self.namespace}}
            self.ask("POST", self.path(each["kind"]), body)

    def get(self, kind: str, name: str) -> Object:
        """One object."""
        return self.ask("GET", self.path(kind, name))

    def every(self, kind: str) -> list[Object]:
        """All objects of a kind."""
        found: list[Object] = self.ask("GET", self.path(kind))["items"]
        return found

    def patch(self, body: Mapping[str, Any], kind: str = "Rollout", name: str = "web") -> None:
        """A merge patch of an object, as `kubectl patch --type merge`."""
        self.ask("PATCH", self.path(kind, name), body, MERGE)

    def patch_status(self, status: Mapping[str, Any]) -> None:
        """What the plugin writes: a merge patch of the status subresource."""
        self.ask("PATCH", self.path("Rollout", "web") + "/status", {"status": status}, MERGE)

    # The application.

    def deploy(self, steps: list[Object], replicas: int = 2, canary: Object | None = None, **more: Any) -> Object:
        """Create everything, and wait until the first version is Healthy."""
        told = {"abortScaleDownDelaySeconds": 1, "scaleDownDelaySeconds": 1, **(canary or {})}
        self.watch_events()
        spec = {"template": a_version(1), **more}
        self.create(*the_usual(), a_rollout(replicas, steps=steps, canary=told, **spec))
        return self.until_phase("Healthy")

    def watch_events(self) -> None:
        """From now on events are told by `reasons`."""
        self._began = self.ask("GET", self.path("Event"))["metadata"]["resourceVersion"]

    def measure(self, name: str = "success-rate", **metric: Any) -> None:
        """Create an AnalysisTemplate with one metric that asks the test's judge."""
        self.create(a_template_of_analysis(name, metrics=[self.metric(**metric)]))

    def metric(self, **metric: Any) -> Object:
        """A metric that asks the test's judge."""
        provider = {"prometheus": {"address": self.prometheus, "query": "up"}}
        return {"name": "rate", "successCondition": "result[0] >= 0.99", "provider": provider, **metric}

    def release(self, tag: int) -> None:
        """Release a version."""
        self.patch({"spec": {"template": a_version(tag)}})

    def rollout(self) -> Object:
        """The Rollout now."""
        return self.get("Rollout", "web")

    def status(self) -> Object:
        """The Rollout's status now."""
        found: Object = self.rollout().get("status") or {}
        return found

    def conditions(self) -> dict[str, tuple[str, str, str]]:
        """type → (status, reason, message) now."""
        return {each["type"]: (each["status"], each["reason"], each["message"]) for each in self.status()["conditions"]}

    def replica_set(self, revision: int) -> Object:
        """The ReplicaSet of a revision."""
        mark = "rollout.argoproj.io/revision"
        return next(s for s in self.every("ReplicaSet") if s["metadata"]["annotations"].get(mark) == str(revision))

    def weight(self) -> str:
        """The weight on the canary Ingress."""
        annotations = self.get("Ingress", "web-web-canary")["metadata"]["annotations"]
        return str(annotations["nginx.ingress.kubernetes.io/canary-weight"])

    def events(self, kind: str = "Rollout") -> list[tuple[str, str]]:
        """(reason, message) of the events about objects of a kind, in the order of their names."""
        found = [each for each in self.every("Event") if each["involvedObject"]["kind"] == kind]
        return [(each["reason"], each["message"]) for each in sorted(found, key=lambda each: each["metadata"]["name"])]

    def reasons(self, *left_out: str) -> list[str]:
        """The reasons of the Rollout's events as a watch told them: an event that is counted again is told again."""
        wish = f"?watch=1&timeoutSeconds=1&resourceVersion={self._began}"
        with urllib.request.urlopen(self._url + self.path("Event") + wish, timeout=10) as answer:
            told = [json.loads(line)["object"] for line in answer]
        about = [each["reason"] for each in told if each.get("involvedObject", {}).get("kind") == "Rollout"]
        return [reason for reason in about if reason not in left_out]

    # Waiting, as clients do.

    def until(self, what: str, is_so: Callable[[], Any]) -> None:
        """Wait until something is seen."""
        give_up = time.monotonic() + WAIT_S_MAX
        while True:
            try:
                if is_so():
                    return
            except (urllib.error.HTTPError, LookupError, StopIteration):
                pass
            if time.monotonic() > give_up:
                raise AssertionError(f"not seen: {what}; {json.dumps(self.status(), indent=1)}\n{self.events()}")
            time.sleep(LOOK_S)

    def until_phase(self, phase: str) -> Object:
        """Wait as `kubectl argo rollouts status` does; returns the Rollout."""
        seen: list[Object] = []

        def is_so() -> bool:
            seen.append(self.rollout())
            return rollout_phase(seen[-1])[0] == phase

        self.until(f"phase {phase}", is_so)
        return seen[-1]

    def until_step(self, index: int) -> None:
        """Wait until the update stands at a step."""
        self.until(f"step {index}", lambda: self.status()["currentStepIndex"] == index)

    def until_told(self, reason: str, message: str = "", kind: str = "Rollout") -> str:
        """Wait for an event that begins with that message (events may be late); returns the message of the last one."""

        def told() -> list[str]:
            return [said for each, said in self.events(kind) if each == reason and said.startswith(message)]

        self.until(f"event {reason} {message}", told)
        return told()[-1]


def rollout_phase(rollout: Object) -> tuple[str, str]:
    """Phase and message as the contract's own clients read them."""
    status = rollout.get("status") or {}
    if str(status.get("observedGeneration", "")) != str(rollout["metadata"]["generation"]):
        return "Progressing", "waiting for rollout spec update to be observed"
    if status.get("controllerPause") and not status.get("pauseConditions"):
        return "Progressing", "waiting for rollout to unpause"
    return status.get("phase", ""), status.get("message", "")


def argo_cd_health(rollout: Object) -> tuple[str, str]:
    """Health as Argo CD's health check reads it."""
    status = rollout.get("status") or {}
    try:
        if float(status["observedGeneration"]) < rollout["metadata"]["generation"]:
            return "Progressing", "Waiting for rollout spec update to be observed"
    except (KeyError, ValueError):
        pass
    phase = status.get("phase", "Progressing")
    return ("Suspended" if phase == "Paused" else phase), status.get("message", "")
