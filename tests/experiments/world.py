"""The small world of the Rollout's tests, with an Experiment in the middle of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rollouts.core.plan import Create, Delete, Patch, Plan
from rollouts.experiments import gather, reconcile
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.builders import NAMESPACE, a_template, a_template_of_analysis
from tests.delivery import world

TRIAL = Ref(kinds.EXPERIMENT, NAMESPACE, "trial")


def a_set(name: str, image: str = "shop/web:1", **fields: Any) -> dict[str, Any]:
    """One template of an Experiment."""
    return {"name": name, "selector": {"matchLabels": {"app": "web"}}, "template": a_template(image), **fields}


def an_experiment(*templates: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """An Experiment; of one baseline and one canary if no templates are given."""
    given = templates or (a_set("baseline"), a_set("canary", "shop/web:2"))
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": TRIAL.name, "namespace": NAMESPACE},
        "spec": {"templates": [dict(each) for each in given], **spec},
    }


class Lab(world.World):
    """A world whose only controller is that of Experiments."""

    def __init__(self, experiment: Mapping[str, Any], *objects: Mapping[str, Any], ready_s: float = 2.0) -> None:
        super().__init__(experiment, a_template_of_analysis(), *objects, ready_s=ready_s)

    @property
    def trial(self) -> Any:
        return self.objects[TRIAL]

    @property
    def status(self) -> Any:
        return self.trial.get("status") or {}

    @property
    def phases(self) -> list[str]:
        """Of every set of pods."""
        return [each["status"] for each in self.status["templateStatuses"]]

    @property
    def pods(self) -> dict[str, int]:
        """Name of a ReplicaSet → pods that it is to have."""
        return {obj.name(each): each["spec"]["replicas"] for each in self.of(kinds.REPLICA_SET)}

    def services(self) -> list[str]:
        usual = {"web-stable", "web-canary"}
        return [obj.name(each) for each in self.of(kinds.SERVICE) if obj.name(each) not in usual]

    def edit(self, **spec: Any) -> None:
        self.patch(TRIAL, {"spec": spec})

    def turn(self) -> Plan:
        seen = gather(TRIAL, self)
        plan = reconcile(seen, self.now) if seen is not None else Plan()
        plan.check(self.now)
        self.letters.append(plan)
        for number, action in enumerate(plan.writes):
            if self.refusing(action):
                self._stuck = 0 if number else self._stuck + 1
                return plan
            self.carry(action)
        self._stuck = 0
        self.notes += plan.notes
        return replace(plan, notes=())

    def carry(self, action: Any) -> None:
        self.writes[action.ref.kind.name] += 1
        match action:
            case Create():
                self.add(action.body)
            case Patch():
                found = self.objects[action.ref]
                assert (obj.uid(found), obj.version(found)) == (action.uid, action.version), action
                self.patch(action.ref, action.body)
            case Delete():
                del self.objects[action.ref]
