"""Stories of Experiments, alone and as a step of a canary, and the laws that hold in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.devplane.builtin import PREFIX
from rollouts.kube import kinds
from rollouts.kube.object import controller_uid, labels, namespace, uid
from rollouts.kube.ref import Ref
from rollouts.simulation.case import Case
from rollouts.simulation.routed import CARRYING, guests_of
from rollouts.simulation.scenario import CONTAINER, PROMOTED, RETURNED, Scenario
from rollouts.simulation.truth import DONE, HASH, wanted

_LABELS = {"app": "trial"}
_TEMPLATES = [{"name": "baseline", "specRef": "stable"}, {"name": "canary", "specRef": "canary"}]


def _set(name: str, image: str, **annotations: str) -> dict[str, Any]:
    meta = {"labels": _LABELS, "annotations": {f"{PREFIX}{key}": value for key, value in annotations.items()}}
    template = {"metadata": meta, "spec": {"containers": [{**CONTAINER, "image": image}]}}
    return {"name": name, "selector": {"matchLabels": _LABELS}, "template": template, "service": {}}


def _judged(template: str, of: str, **more: Any) -> dict[str, Any]:
    hash_value = {"name": "hash", "value": f"{{{{templates.{of}.podTemplateHash}}}}"}
    return {"name": "success", "templateName": template, "args": [hash_value], **more}


PAIR = [_set("baseline", "web:1"), _set("canary", "web:2")]
ALONE: Mapping[str, Any] = {"templates": PAIR, "duration": "20s", "analyses": [_judged("watch", "canary")]}
REQUIRING: Mapping[str, Any] = {**ALONE, "analyses": [_judged("success", "canary", requiredForCompletion=True)]}
STUCK: Mapping[str, Any] = {
    "templates": [PAIR[0], _set("canary", "web:2", ready="never")],
    "progressDeadlineSeconds": 30,
}
REQUIRED = {"templates": _TEMPLATES, "analyses": [_judged("success", "1", requiredForCompletion=True)]}
LONG = {"templates": _TEMPLATES, "duration": "5m"}
STEPS: tuple[Mapping[str, Any], ...] = ({"setWeight": 20}, {"experiment": REQUIRED}, {"setWeight": 60})
LONG_STEPS: tuple[Mapping[str, Any], ...] = ({"setWeight": 20}, {"experiment": LONG}, {"setWeight": 60})
GOOD, BAD = {"web:2": "1", "web:3": "1"}, {"web:2": "0.5", "web:3": "1"}
CLEARED = "experiments have no pods"

# It lasts longer than the API server is away: whoever cuts the first one short is to be heard before its time is up.
_SHARING = {
    "templates": [{**_TEMPLATES[0], "weight": 10}, {**_TEMPLATES[1], "weight": 5}],
    "duration": "5m",
    "scaleDownDelaySeconds": 0,
}
SHARED_STEPS: tuple[Mapping[str, Any], ...] = ({"setWeight": 20}, {"experiment": _SHARING}, {"setWeight": 60})
_SHARING_ROUTERS = ("istio", "istio-subsets", "alb", "smi", "gatewayAPI")

TRIALS: tuple[Scenario, ...] = (
    *(
        Scenario(f"experiment-shares-{name}", f"Behind {name}: two sets of an experiment have shares of their own.",
            """when healthy: set image web:2
               when an experiment is Running, after 5s: set image web:3
               when an experiment is Successful: wait
               when healthy on web:3, after 60s: end""",
            ("healthy on web:3", "weight 0", CLEARED), steps=SHARED_STEPS, router=name)
        for name in _SHARING_ROUTERS
    ),
    Scenario("experiment-shares-abort", "A person aborts while sets of an experiment have shares of their own.",
        """when healthy: set image web:2
           when an experiment is Running, after 5s: abort
           when aborted, after 60s: end""", (*RETURNED, CLEARED), steps=SHARED_STEPS, router="gatewayAPI"),
    Scenario("experiment", "Two sets of pods run side by side for their time, and leave.",
        """when healthy: create trial
           when an experiment is Successful, after 60s: end""",
        ("an experiment is Successful", CLEARED), trial=ALONE, metrics=GOOD),
    Scenario("experiment-fails", "The analysis of an experiment fails, and ends it.",
        """when healthy: create trial
           when an experiment is Failed, after 60s: end""",
        ("an experiment is Failed", CLEARED), trial=REQUIRING, metrics=BAD),
    Scenario("experiment-terminated", "A person ends an experiment.",
        """when healthy: create trial
           when an experiment is Running, after 3s: terminate the experiment
           when an experiment is Successful, after 60s: end""",
        ("an experiment is Successful", CLEARED), trial={"templates": PAIR}),
    Scenario("experiment-late", "Pods of an experiment do not get ready in time.",
        """when healthy: create trial
           when an experiment is Failed, after 60s: end""",
        ("an experiment is Failed", CLEARED), trial=STUCK),
    Scenario("experiment-retried", "A person runs a failed experiment again.",
        """when healthy: create trial
           when an experiment is Failed, after 5s: retry the experiment
           when an experiment is Pending: wait
           when an experiment is Failed, after 60s: end""",
        ("an experiment is Failed", CLEARED), trial=REQUIRING, metrics=BAD),
    Scenario("experiment-step", "A canary waits for the verdict of an experiment.",
        """when healthy: set image web:2
           when healthy on web:2, after 60s: end""", (*PROMOTED, CLEARED), steps=STEPS, metrics=GOOD),
    Scenario("experiment-step-fails", "The experiment of a step fails, and the update is aborted.",
        """when healthy: set image web:2
           when aborted, after 60s: end""", (*RETURNED, CLEARED), steps=STEPS, metrics=BAD),
    Scenario("experiment-step-abort", "A person aborts in the middle of an experiment.",
        """when healthy: set image web:2
           when an experiment is Running, after 2s: abort
           when aborted, after 60s: end""", (*RETURNED, CLEARED), steps=LONG_STEPS),
    Scenario("experiment-step-revision", "A third version comes in the middle of an experiment.",
        """when healthy: set image web:2
           when an experiment is Running, after 2s: set image web:3
           when an experiment is Successful: wait
           when an experiment is Running, after 5s: promote full
           when healthy on web:3, after 60s: end""", ("healthy on web:3", "weight 0", CLEARED), steps=LONG_STEPS),
)  # fmt: skip


def experiment_lets_pass(case: Case) -> Iterator[str]:
    """E1: an experiment step is left only by a Successful Experiment of this very version that nobody ended."""
    if case.advanced is None or not case.after.steps[case.advanced].get("experiment"):
        return
    for one in case.after.store.all(kinds.EXPERIMENT):
        is_of_it = controller_uid(one) == uid(case.after.rollout) and labels(one).get(HASH) == case.after.current
        if is_of_it and (one.get("status") or {}).get("phase") == "Successful" and not one["spec"].get("terminate"):
            return
    yield f"step {case.advanced} left without a Successful Experiment"


def experiment_keeps_pods(case: Case) -> Iterator[str]:
    """E2: a set of an Experiment loses its pods, or its Service, only once the Experiment is over or asks for less."""
    kind, before = case.commit.kind, case.commit.previous
    if kind not in (kinds.REPLICA_SET, kinds.SERVICE) or before is None:
        return
    owner = next((one for one in case.after.store.all(kinds.EXPERIMENT) if uid(one) == controller_uid(before)), None)
    if owner is None or (owner.get("status") or {}).get("phase") in DONE:
        return
    is_gone = case.commit.type == "DELETED"
    if is_gone or (kind == kinds.REPLICA_SET and wanted(case.commit.object) < wanted(before)):
        yield f"{kind.name} {before['metadata']['name']} was taken from a running Experiment"


def guests_have_pods(case: Case) -> Iterator[str]:
    """E4: a set of an experiment gets a share only with an available pod, and keeps its pods while it has one."""
    commit, store = case.commit, case.after.store
    if commit.kind in CARRYING and commit.type != "DELETED":
        before = guests_of(commit.previous) if commit.previous else {}
        for name, weight in guests_of(commit.object).items():
            service = store.find(Ref(kinds.SERVICE, namespace(commit.object), name))
            chosen = ((service or {}).get("spec") or {}).get("selector") or {}
            sets = [one for one in store.all(kinds.REPLICA_SET) if labels(one).get(HASH) == chosen.get(HASH)]
            if weight > before.get(name, 0) and not any(case.most(one) for one in sets):
                yield f"{name} gets {weight} without an available pod"
    elif commit.kind in (kinds.REPLICA_SET, kinds.SERVICE) and commit.previous is not None:
        is_gone = commit.type == "DELETED" or (commit.kind == kinds.REPLICA_SET and wanted(commit.object) == 0)
        shares = {
            name: weight for kind in CARRYING for one in store.all(kind) for name, weight in guests_of(one).items()
        }
        name = commit.previous["metadata"]["name"]
        if is_gone and shares.get(name, 0) > 0:
            yield f"{commit.kind.name} {name} leaves with a share of {shares[name]}"


def verdict_stays(case: Case) -> Iterator[str]:
    """E3: an Experiment that is over stays as it ended, unless somebody forgets its whole status."""
    if case.commit.kind != kinds.EXPERIMENT or case.commit.previous is None or case.commit.type == "DELETED":
        return
    had = (case.commit.previous.get("status") or {}).get("phase")
    has = (case.commit.object.get("status") or {}).get("phase")
    if had in DONE and has != had:
        yield f"the experiment was {had} and is {has}"
