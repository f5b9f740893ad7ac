"""What another controller of this API leaves behind, written by hand from the contract: labels, annotations, status.

A `Remains` is made of a Rollout's spec and of where its update stands. Owner references need the Rollout's uid, so the
Rollout is stored first, then `others(uid)`, then `status`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.builders import APP, NAMESPACE, a_rollout, a_service, a_template, an_ingress

HASH = "rollouts-pod-template-hash"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
NGINX = "nginx.ingress.kubernetes.io"
Object = dict[str, Any]

STEPS: tuple[Object, ...] = (
    {"setWeight": 25},
    {"pause": {}},
    {"setWeight": 50},
    {"pause": {"duration": "10m"}},
)
FOREIGN = {"1": "6c9d7f8b5d", "2": "7f4b9c6d8f"}
"""Names that no hash of ours gives to these versions."""


@dataclass(frozen=True)
class Remains:
    """Version 1 alone, or an update to version 2 where `updating` is on, and where that stands.

    names: image tag → pod template hash.
    """

    names: Mapping[str, str]
    replicas: int = 4
    updating: bool = False
    step: int = len(STEPS)
    weight: int = 0
    canary_pods: int = 0
    pauses: tuple[str, ...] = ()
    aborted: bool = False
    began: str = "2026-03-01T11:59:00Z"
    namespace: str = NAMESPACE
    annotations: Mapping[str, str] | None = None  # of the pod template
    pod: Mapping[str, Any] | None = None  # fields of the pods' spec

    def template(self, tag: str) -> Object:
        """The pod template of a version."""
        template = a_template(f"shop/web:{tag}")
        if self.annotations:
            template["metadata"]["annotations"] = dict(self.annotations)
        template["spec"] |= self.pod or {}
        return template

    @property
    def rollout(self) -> Object:
        """The Rollout without its status."""
        made = a_rollout(self.replicas, steps=STEPS, template=self.template(self.tag))
        made["metadata"]["annotations"] = {"rollout.argoproj.io/revision": self.tag}
        return self._placed(made)

    @property
    def tag(self) -> str:
        """The version of the spec."""
        return "2" if self.updating else "1"

    def others(self, uid: str) -> list[Object]:
        """Everything around the Rollout."""
        canary = self.names["2"] if self.updating and not self.aborted else self.names["1"]
        services = [self._service("stable", self.names["1"]), self._service("canary", canary)]
        sets = [self._set("1", self.replicas, uid)]
        if self.updating:
            sets.append(self._set("2", self.canary_pods, uid))
        return [self._placed(each) for each in (*services, an_ingress(), self._ingress(uid), *sets)]

    def status(self, generation: int, step_hash: str) -> Object:
        """The Rollout's status. step_hash: as the other controller computed it."""
        current, stable = self.names[self.tag], self.names["1"]
        pods = self.replicas + self.canary_pods
        up = self.canary_pods if self.updating else self.replicas
        phase, message = (
            ("Healthy", "")
            if not self.updating
            else ("Paused", self.pauses[0])
            if self.pauses
            else (
                ("Degraded", "RolloutAborted: Rollout aborted update to revision 2")
                if self.aborted
                else ("Progressing", "more replicas need to be updated")
            )
        )
        told: Object = {
            "HPAReplicas": pods,
            "availableReplicas": pods,
            "blueGreen": {},
            "canary": {"weights": self._weights(current, stable)},
            "conditions": self._conditions(),
            "currentPodHash": current,
            "currentStepHash": step_hash,
            "currentStepIndex": self.step,
            "observedGeneration": str(generation),
            "phase": phase,
            "readyReplicas": pods,
            "replicas": pods,
            "selector": "app=web",
            "stableRS": stable,
            "updatedReplicas": up,
        }
        if message:
            told["message"] = message
        if self.pauses:
            told["controllerPause"] = True
            told["pauseConditions"] = [{"reason": each, "startTime": self.began} for each in self.pauses]
        if self.aborted:
            told["abort"], told["abortedAt"] = True, self.began
        return told

    def _weights(self, current: str, stable: str) -> Object:
        canary = {"podTemplateHash": current, "serviceName": f"{APP}-canary", "weight": self.weight}
        kept = {"podTemplateHash": stable, "serviceName": f"{APP}-stable", "weight": 100 - self.weight}
        return {"canary": canary, "stable": kept}

    def _conditions(self) -> list[Object]:
        name = f"{APP}-{self.names[self.tag]}"
        progressing = ("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
        if self.updating:
            progressing = ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
        if self.pauses:
            progressing = ("Unknown", "RolloutPaused", "Rollout is paused")
        if self.aborted:
            progressing = ("False", "RolloutAborted", "Rollout aborted update to revision 2")
        flag = {True: "True", False: "False"}
        rows = {
            "Available": ("True", "AvailableReason", "Rollout has minimum availability"),
            "Completed": (flag[not self.updating], "RolloutCompleted", "RolloutCompleted"),
            "Healthy": (
                flag[not self.updating],
                "RolloutHealthy",
                "Rollout is not healthy" if self.updating else "Rollout is healthy",
            ),
            "Paused": (flag[bool(self.pauses)], "RolloutPaused", "Rollout is paused"),
            "Progressing": progressing,
        }
        return [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": self.began,
                "lastUpdateTime": self.began,
            }
            for kind, (status, reason, message) in rows.items()
        ]

    def _set(self, tag: str, replicas: int, uid: str) -> Object:
        name = self.names[tag]
        template = copy.deepcopy(self.template(tag))
        template["metadata"]["labels"][HASH] = name
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{APP}-{name}",
                "namespace": self.namespace,
                "labels": dict(template["metadata"]["labels"]),
                "annotations": {
                    "rollout.argoproj.io/desired-replicas": str(self.replicas),
                    "rollout.argoproj.io/revision": tag,
                },
                "ownerReferences": [_owner(uid)],
            },
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": APP, HASH: name}},
                "template": template,
            },
        }

    def _service(self, side: str, name: str) -> Object:
        made = a_service(f"{APP}-{side}", **{HASH: name})
        made["metadata"]["annotations"] = {MANAGED_BY: APP}
        return made

    def _ingress(self, uid: str) -> Object:
        made = an_ingress(f"{APP}-{APP}-canary", f"{APP}-canary")
        made["metadata"]["annotations"] = {f"{NGINX}/canary": "true", f"{NGINX}/canary-weight": str(self.weight)}
        made["metadata"]["ownerReferences"] = [_owner(uid)]
        return made

    def _placed(self, made: Object) -> Object:
        return {**made, "metadata": {**made["metadata"], "namespace": self.namespace}}


def _owner(uid: str) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": APP,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def healthy(names: Mapping[str, str], **more: Any) -> Remains:
    """Version 1, all of it."""
    return Remains(names, **more)


def at_the_pause(names: Mapping[str, str], **more: Any) -> Remains:
    """Version 2 has 25 % and waits for a person."""
    return Remains(names, updating=True, step=1, weight=25, canary_pods=1, pauses=("CanaryPauseStep",), **more)


def at_the_weight(names: Mapping[str, str], **more: Any) -> Remains:
    """Version 2 is about to get its first 25 %: its pod is there, the weight is not."""
    return Remains(names, updating=True, step=0, weight=0, canary_pods=1, **more)


def in_a_timed_pause(names: Mapping[str, str], **more: Any) -> Remains:
    """Version 2 has 50 % for ten minutes."""
    return Remains(names, updating=True, step=3, weight=50, canary_pods=2, pauses=("CanaryPauseStep",), **more)


def aborted(names: Mapping[str, str], **more: Any) -> Remains:
    """Version 2 was given up; its pods are gone."""
    return Remains(names, updating=True, step=0, aborted=True, **more)
