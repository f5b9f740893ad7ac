"""Sets of pods of an experiment that have a share of the traffic of their own."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.delivery.rules import check
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Ref
from tests.api.cases import with_step
from tests.builders import NAMESPACE
from tests.delivery.test_routers import CASES, Routed
from tests.delivery.world import HASH

MARK = "rollout.argoproj.io/carries-traffic"
TRIAL = {
    "templates": [
        {"name": "baseline", "specRef": "stable", "weight": 10},
        {"name": "canary", "specRef": "canary", "weight": 5},
        {"name": "aside", "specRef": "canary"},
    ],
    "duration": "5m",
}
STEPS = ({"setWeight": 20}, {"experiment": TRIAL}, {"setWeight": 60}, {"pause": {}})
SHARING = ("gateway", "gateway grpc", "istio hosts", "istio subsets", "alb", "smi")
EVERY = pytest.mark.parametrize("case", [CASES[name] for name in SHARING], ids=list(SHARING))


def under_way(case: Any) -> Routed:
    world = Routed(case, steps=STEPS)
    world.settle(5.0)
    world.set_image("shop/web:2")
    world.settle(5.0)
    return world


def trial(world: Routed) -> Any:
    (found,) = world.of(kinds.EXPERIMENT)
    return found


def running(world: Routed, available: int = 1, **status: Any) -> None:
    """What the room of Experiments would have made of it: sets, Services, and a status that names them."""
    told = []
    for name in ("baseline", "canary"):
        set_name, hash_value = f"{obj.name(trial(world))}-{name}", f"hash-{name}"
        meta = {"name": set_name, "namespace": NAMESPACE, "labels": {HASH: hash_value}}
        owner = {"ownerReferences": [obj.controller_reference(kinds.EXPERIMENT, trial(world))]}
        spec = {"replicas": available, "template": {"spec": {"containers": [{"name": "a", "image": "a:x"}]}}}
        world.add({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {**meta, **owner}, "spec": spec})
        service = {"selector": {"app": "trial", HASH: hash_value}, "ports": [{"port": 8080}]}
        world.add({"apiVersion": "v1", "kind": "Service", "metadata": {**meta, **owner}, "spec": service})
        told.append({"name": name, "serviceName": set_name, "podTemplateHash": hash_value, "status": "Running"})
    ref = Ref(kinds.EXPERIMENT, NAMESPACE, obj.name(trial(world)))
    world.patch(ref, {"status": {"phase": "Running", "templateStatuses": told, **status}})
    world.settle(3.0)


def told(world: Routed) -> dict[str, int]:
    weights = world.status["canary"]["weights"]
    shares = {each["podTemplateHash"]: each["weight"] for each in weights.get("additional", ())}
    return {**shares, "rest": weights["stable"]["weight"], "update": weights["canary"]["weight"]}


def finish(world: Routed) -> None:
    world.patch(Ref(kinds.EXPERIMENT, NAMESPACE, obj.name(trial(world))), {"status": {"phase": "Successful"}})
    world.settle(5.0)


@EVERY
def test_a_set_with_a_weight_gets_it_while_the_experiment_runs(case: Any):
    world = under_way(case)
    made = {each["name"]: each.get("service") for each in trial(world)["spec"]["templates"]}
    assert made == {"baseline": {}, "canary": {}, "aside": None}
    assert MARK in obj.annotations(trial(world))
    assert told(world) == {"rest": 80, "update": 20}

    running(world)
    assert told(world) == {"hash-baseline": 10, "hash-canary": 5, "rest": 65, "update": 20}

    finish(world)
    assert told(world) == {"rest": 40, "update": 60}
    assert obj.name(trial(world)) not in str(world.route)
    assert MARK not in obj.annotations(trial(world))


def test_a_set_that_loses_its_pods_loses_its_share():
    world = under_way(CASES["gateway"])
    running(world)
    world.broken.add(f"{obj.name(trial(world))}-canary")
    world.set_pods(f"{obj.name(trial(world))}-canary", 0)
    world.settle(3.0)

    assert told(world) == {"hash-baseline": 10, "rest": 70, "update": 20}


def test_an_abort_takes_the_shares_back_and_then_lets_the_pods_go():
    world = under_way(CASES["istio hosts"])
    running(world)
    world.command(abort=True)
    world.settle(3.0)
    assert told(world) == {"rest": 100, "update": 0}
    assert trial(world)["spec"]["terminate"] is True and MARK in obj.annotations(trial(world))

    finish(world)
    assert MARK not in obj.annotations(trial(world))


ISTIO = {"istio": {"virtualService": {"name": "v", "routes": ["a"]}}}
CANARY = "spec.strategy.canary.steps[1].experiment.templates"
ONLY = "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time"


@pytest.mark.parametrize(
    ("weight", "routing", "at", "text"),
    [
        (5, None, f"{CANARY}[0].weight", "Experiment template weight cannot be set unless TrafficRouting is enabled"),
        (5, {"nginx": {"stableIngress": "web"}}, f"{CANARY}[0].weight", ONLY),
        (5, {**ISTIO, "nginx": {"stableIngress": "web"}}, f"{CANARY}[0].weight", ONLY),
        (-1, ISTIO, f"{CANARY}[0].weight", "must not be negative"),
        (90, ISTIO, CANARY, "the weights of an experiment and of the canary may not add up to more than 100"),
        (80, ISTIO, None, ""),
    ],
)
def test_a_weight_that_nobody_could_give_is_refused(weight: int, routing: Any, at: str | None, text: str):
    step = {"experiment": {"templates": [{"name": "a", "specRef": "canary", "weight": weight}]}}
    found = check(with_step({"setWeight": 20}, step, canary__trafficRouting=routing)).refusals

    assert [(each.at, each.text) for each in found] == ([(at, text)] if at else [])
