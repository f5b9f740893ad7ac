"""What people do, as text that anybody can read:

    when healthy: set image web:2
    when weight 20: abort
    when degraded, after 5s: retry
    when healthy: end

A line waits until its condition holds, then (half a second later, or as said) somebody acts by the API writes that the
command line makes. The last line ends the story.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.devplane.errors import ApiError
from rollouts.devplane.eviction import BUDGET
from rollouts.devplane.request import Deletion, WriteOptions
from rollouts.devplane.store import Store
from rollouts.kube import kinds
from rollouts.kube.conditions import observed_generation
from rollouts.kube.object import controller_uid, generation, name, uid
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.simulation import plugged
from rollouts.simulation.scenario import OLD, STEPPED, SWITCHED
from rollouts.simulation.truth import HASH, Truth, available, truth, wanted

USER = "user"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
AS_USER = WriteOptions(USER)
REACTION_S = 0.5
_LINE = re.compile(r"when (?P<when>.+?)(?:, after (?P<after>[\d.]+)s)?: (?P<do>.+)")


@dataclass(frozen=True, slots=True)
class Beat:
    """One line: a condition, a delay, an act."""

    when: str
    do: str
    after_s: float = REACTION_S

    def __str__(self) -> str:
        return f"when {self.when}, after {self.after_s:g}s: {self.do}"


def parse(text: str) -> tuple[Beat, ...]:
    """The beats of a script. Raises ValueError for a line that nobody understands."""
    beats = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"not a line of a script: {line!r}")
        beat = Beat(found["when"].strip(), found["do"].strip(), float(found["after"] or REACTION_S))
        _match(CONDITIONS, beat.when)
        _match(ACTS, beat.do)
        beats.append(beat)
    if not beats or beats[-1].do != "end":
        raise ValueError("a script ends with `end`")
    return tuple(beats)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a script plays: the store, the Rollout's name, and the objects that acts may bring in by name."""

    store: Store
    ref: Ref
    props: Mapping[str, tuple[Kind, Manifest]]

    @property
    def truth(self) -> Truth:
        """The Rollout as it is now."""
        return truth(self.store, self.ref)


def holds(beat: Beat, stage: Stage) -> bool:
    """Whether a beat's condition holds now."""
    test, words = _match(CONDITIONS, beat.when)
    return bool(test(stage, *words))


def act(beat: Beat, stage: Stage) -> None:
    """Do what a beat says; the API server's refusals are the user's to live with."""
    do, words = _match(ACTS, beat.do)
    try:
        do(stage, *words)
    except ApiError as error:
        if error.status not in (404, 409):
            raise


def _match(table: Mapping[str, Callable[..., Any]], text: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    for pattern, function in table.items():
        if found := re.fullmatch(pattern, text):
            return function, found.groups()
    raise ValueError(f"nobody understands {text!r}")


# Conditions.


def _is_observed(now: Truth) -> bool:
    return observed_generation(now.status) == generation(now.rollout)


def _in_phase(phase: str) -> Callable[[Stage], bool]:
    def test(stage: Stage) -> bool:
        now = stage.truth
        return now.is_there and _is_observed(now) and now.status.get("phase") == phase

    return test


def _runs(stage: Stage, phase: str) -> bool:
    runs = stage.store.all(kinds.ANALYSIS_RUN)
    return any((run.get("status") or {}).get("phase") == phase for run in runs)


def _experiments(stage: Stage, phase: str) -> bool:
    return any((one.get("status") or {}).get("phase") == phase for one in stage.store.all(kinds.EXPERIMENT))


def _experiments_are_clear(stage: Stage) -> bool:
    owners = {uid(one) for one in stage.store.all(kinds.EXPERIMENT)}
    sets = [one for one in stage.store.all(kinds.REPLICA_SET) if controller_uid(one) in owners]
    services = any(controller_uid(one) in owners for one in stage.store.all(kinds.SERVICE))
    return not services and all(wanted(one) == 0 for one in sets)


def _replaced(stage: Stage, image: str) -> bool:
    now = stage.truth
    return _in_phase("Healthy")(stage) and now.image_of(now.stable) == image


def _pause_at(stage: Stage, index: str) -> bool:
    now = stage.truth
    return _is_observed(now) and now.step == int(index) and bool(now.status.get("pauseConditions"))


def _wish(stage: Stage) -> str | None:
    return stage.truth.spec.get("restartAt")


def _restarted(stage: Stage) -> bool:
    return stage.truth.status.get("restartedAt") == _wish(stage)


def _stable_roles(stage: Stage) -> Iterator[str]:
    owner = stage.truth.sets.get(stage.truth.stable)
    for pod in stage.store.all(kinds.POD):
        if owner is not None and any(one["uid"] == uid(owner) for one in pod["metadata"].get("ownerReferences") or ()):
            yield pod["metadata"]["labels"].get("role", "none")


def _workload(stage: Stage) -> Ref:
    return Ref(kinds.DEPLOYMENT, stage.ref.namespace, OLD)


def _workload_has(stage: Stage, count: str) -> bool:
    return available(stage.store.find(_workload(stage))) == int(count)


def _plugin(stage: Stage, operation: str, index: str, phase: str) -> bool:
    said = (operation, int(index), phase)
    return any((each["operation"], each["index"], each["phase"]) == said for each in plugged.calls_of(_rollout(stage)))


def _rollout(stage: Stage) -> Manifest:
    return stage.truth.rollout if stage.truth.is_there else {}


CONDITIONS: Mapping[str, Callable[..., bool]] = {
    r"ready": lambda stage: True,
    r"healthy": _in_phase("Healthy"),
    r"healthy on (\S+)": _replaced,
    r"degraded": _in_phase("Degraded"),
    r"paused": lambda stage: bool(stage.truth.status.get("pauseConditions")),
    r"paused at step (\d+)": _pause_at,
    r"at step (\d+)": lambda stage, index: stage.truth.step == int(index) and stage.truth.is_updating,
    r"weight (\d+)": lambda stage, weight: stage.truth.weight == int(weight),
    r"aborted": lambda stage: stage.truth.aborted and _in_phase("Degraded")(stage),
    r"replicas (\d+) available": lambda stage, count: any(
        available(one) == int(count) for one in stage.truth.sets.values()
    ),
    r"two versions": lambda stage: len(stage.truth.sets) >= 2,
    r"gone": lambda stage: not stage.truth.is_there,
    r"a run is (\w+)": _runs,
    r"an experiment is (\w+)": _experiments,
    r"experiments have no pods": _experiments_are_clear,
    r"progressing": _in_phase("Progressing"),
    r"services are bare": lambda stage: (
        not any(
            HASH in (one["spec"].get("selector") or {}) or MANAGED_BY in (one["metadata"].get("annotations") or {})
            for one in stage.store.all(kinds.SERVICE)
        )
    ),
    r"restarting": lambda stage: _wish(stage) is not None and not _restarted(stage),
    r"restarted": lambda stage: _wish(stage) is not None and _restarted(stage),
    r"pods bear role (\w+)": lambda stage, role: set(_stable_roles(stage)) == {role},
    r"the workload has (\d+)": _workload_has,
    r"a plugin's (\w+) of step (\d+) is (\w+)": _plugin,
    r"plugins are told": lambda stage: plugged.is_told(_rollout(stage)),
    r"two versions run": lambda stage: sum(available(one) > 0 for one in stage.truth.sets.values()) == 2,
}


# Acts.


def _patch(stage: Stage, patch: Mapping[str, Any], subresource: str = "") -> None:
    stage.store.patch(stage.ref, patch, "merge", subresource, AS_USER)


def _template(stage: Stage, image: str) -> dict[str, Any]:
    container = stage.truth.spec["template"]["spec"]["containers"][0]
    return {"template": {"spec": {"containers": [{**container, "image": image}]}}}


def _set_image(stage: Stage, image: str) -> None:
    if "workloadRef" not in stage.truth.spec:
        _patch(stage, {"spec": _template(stage, image)})
        return
    workload = stage.store.find(_workload(stage))
    container = workload["spec"]["template"]["spec"]["containers"][0] if workload else {}
    template = {"spec": {"containers": [{**container, "image": image}]}}
    stage.store.patch(_workload(stage), {"spec": {"template": template}}, "merge", "", AS_USER)


def _scale_workload(stage: Stage, count: str) -> None:
    stage.store.patch(_workload(stage), {"spec": {"replicas": int(count)}}, "merge", "", AS_USER)


def _scale_and_set_image(stage: Stage, count: str, image: str) -> None:
    _patch(stage, {"spec": {"replicas": int(count), **_template(stage, image)}})


def _promote(stage: Stage) -> None:
    now = stage.truth
    if now.aborted:
        return
    lifted: dict[str, Any] = {"pauseConditions": None}
    following = {} if now.step is None else {"currentStepIndex": min(now.step + 1, len(now.steps))}
    judged = ((now.status.get("canary") or {}).get("currentStepAnalysisRunStatus") or {}).get("status")
    if judged == "Inconclusive" and now.status.get("controllerPause"):
        lifted |= {"controllerPause": False, **following}
    elif not now.status.get("pauseConditions"):
        lifted |= following
    _patch(stage, {"status": lifted}, "status")


def _promote_full(stage: Stage) -> None:
    if stage.truth.current != stage.truth.stable:
        _patch(stage, {"status": {"promoteFull": True}}, "status")


def _bring(stage: Stage, name: str) -> None:
    kind, body = stage.props[name]
    stage.store.create(kind, stage.ref.namespace if kind.namespaced else "", body, AS_USER)


def _take(stage: Stage, name: str) -> None:
    kind, body = stage.props[name]
    namespace = stage.ref.namespace if kind.namespaced else ""
    stage.store.delete(Ref(kind, namespace, body["metadata"]["name"]), Deletion(manager=USER))


def _tell_experiment(stage: Stage, patch: Mapping[str, Any]) -> None:
    for one in stage.store.all(kinds.EXPERIMENT):
        stage.store.patch(Ref(kinds.EXPERIMENT, stage.ref.namespace, name(one)), patch, "merge", "", AS_USER)


def _recreate(stage: Stage) -> None:
    _take(stage, "rollout")
    _bring(stage, "rollout")


def _kill_pods(stage: Stage, which: str) -> None:
    now = stage.truth
    owner = now.sets.get(now.current if which == "canary" else now.stable)
    for pod in stage.store.all(kinds.POD):
        owners = pod["metadata"].get("ownerReferences") or ()
        if owner is not None and any(one["uid"] == uid(owner) for one in owners):
            stage.store.delete(Ref(kinds.POD, stage.ref.namespace, pod["metadata"]["name"]), Deletion(manager=USER))


def _become(stage: Stage, strategy: str) -> None:
    fields: dict[str, Any] = {"canary": None, "blueGreen": dict(SWITCHED)}
    if strategy == "a canary":
        fields = {"canary": dict(STEPPED), "blueGreen": None}
    _patch(stage, {"spec": {"strategy": fields}})


def _restart(stage: Stage) -> None:
    _patch(stage, {"spec": {"restartAt": stage.store.now().rfc3339_whole()}})


def _budget(stage: Stage, least: str) -> None:
    selector = stage.truth.spec["selector"]
    body = {"metadata": {"name": stage.ref.name}, "spec": {"selector": selector, "minAvailable": int(least)}}
    stage.store.create(BUDGET, stage.ref.namespace, body, AS_USER)


def _lift_budget(stage: Stage) -> None:
    stage.store.delete(Ref(BUDGET, stage.ref.namespace, stage.ref.name), Deletion(manager=USER))


def _steps(stage: Stage, weights: str) -> None:
    steps = [{"setWeight": int(weight)} for weight in weights.split()]
    _patch(stage, {"spec": {"strategy": {"canary": {"steps": steps}}}})


ACTS: Mapping[str, Callable[..., None]] = {
    r"end": lambda stage: None,
    r"wait": lambda stage: None,
    r"set image (\S+)": _set_image,
    r"scale the workload (\d+)": _scale_workload,
    r"scale (\d+)": lambda stage, count: _patch(stage, {"spec": {"replicas": int(count)}}),
    r"scale (\d+) and set image (\S+)": _scale_and_set_image,
    r"abort": lambda stage: _patch(stage, {"status": {"abort": True}}, "status"),
    r"retry": lambda stage: _patch(stage, {"status": {"abort": False}}, "status"),
    r"promote": _promote,
    r"promote full": _promote_full,
    r"pause": lambda stage: _patch(stage, {"spec": {"paused": True}}),
    r"resume": lambda stage: _patch(stage, {"spec": {"paused": False}}),
    r"create (\S+)": _bring,
    r"delete (\S+)": _take,
    r"terminate the experiment": lambda stage: _tell_experiment(stage, {"spec": {"terminate": True}}),
    r"retry the experiment": lambda stage: _tell_experiment(stage, {"status": None}),
    r"recreate": _recreate,
    r"kill (canary|stable) pods": _kill_pods,
    r"set steps ([\d ]+)": _steps,
    r"restart": _restart,
    r"rehash": lambda stage: _patch(stage, {"status": {"currentStepHash": "another"}}, "status"),
    r"budget (\d+)": _budget,
    r"lift budget": _lift_budget,
    r"become (a canary|blue-green)": _become,
}
