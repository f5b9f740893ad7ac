"""The status of an Experiment: read without trust, written in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis import phase
from analysis.phase import Phase
from rollouts.api.experiment import ExperimentSpec
from rollouts.experiments.state import Counts, RunState, State, TemplatePhase, TemplateState
from rollouts.kit import mergepatch
from rollouts.kit.instant import Instant
from rollouts.kit.parts import objects, part, text
from rollouts.kube import conditions
from rollouts.kube.conditions import Condition
from rollouts.kube.ref import Manifest

if TYPE_CHECKING:
    from rollouts.experiments.seen import ExperimentSeen

MESSAGE_MAX = 1024
_TEMPLATE_PHASES = {each.value: each for each in TemplatePhase}
_COUNT_MAX = 2**31 - 1


def status_of(manifest: Manifest) -> Mapping[str, Any]:
    """The status, empty where there is none yet."""
    return part(manifest, "status")


def read(manifest: Manifest, spec: ExperimentSpec) -> State:
    """What is remembered of the sets and analyses that the spec names; what is of another shape counts as absent."""
    status = status_of(manifest)
    templates, runs = _by_name(status.get("templateStatuses")), _by_name(status.get("analysisRuns"))
    return State(
        phase=phase.parse(status.get("phase")),
        message=text(status, "message"),
        available_at=Instant.parse(status.get("availableAt")),
        templates=tuple(_template(each.name, templates.get(each.name, {})) for each in spec.templates),
        runs=tuple(_run(each.name, runs.get(each.name, {})) for each in spec.analyses),
    )


def changes(seen: ExperimentSeen, state: State, now: Instant) -> Mapping[str, Any] | None:
    """The merge patch that makes the status say this state and the counts of the moment; None where it does."""
    before = status_of(seen.manifest)
    after = {
        **before,
        "phase": state.phase.value if state.phase else None,
        "message": state.message[:MESSAGE_MAX] or None,
        "availableAt": state.available_at.rfc3339() if state.available_at else None,
        "templateStatuses": [_template_told(seen, index, each) for index, each in enumerate(state.templates)] or None,
        "analysisRuns": [_run_told(each) for each in state.runs if each.run or each.phase] or None,
        "conditions": conditions.merge(before.get("conditions"), _conditions(seen, state), now),
    }
    return mergepatch.derive(before, {key: value for key, value in after.items() if value is not None}) or None


def _template(name: str, told: Mapping[str, Any]) -> TemplateState:
    collisions = told.get("collisionCount")
    return TemplateState(
        name=name,
        phase=_TEMPLATE_PHASES.get(text(told, "status"), TemplatePhase.NEW),
        message=text(told, "message"),
        since=Instant.parse(told.get("lastTransitionTime")),
        collisions=_count(collisions) or None,
        told=Counts(*(_count(told.get(key)) for key in _COUNTS)),
    )


_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def _template_told(seen: ExperimentSeen, index: int, state: TemplateState) -> dict[str, Any]:
    each = seen.templates[index] if index < len(seen.templates) else None
    found = each.set if each else None
    counts = (found.pods, found.updated, found.ready, found.available) if found else (0, 0, 0, 0)
    service = each.service if each and each.service and each.service.own is not None else None
    told = {
        "name": state.name,
        **dict(zip(_COUNTS, counts, strict=True)),
        "collisionCount": state.collisions,
        "status": state.phase.value or None,
        "message": state.message[:MESSAGE_MAX] or None,
        "lastTransitionTime": state.since.rfc3339() if state.since else None,
        "serviceName": service.ref.name if service else None,
        "podTemplateHash": each.hash if each else None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _run(name: str, told: Mapping[str, Any]) -> RunState:
    return RunState(name, text(told, "analysisRun"), phase.parse(told.get("phase")), text(told, "message"))


def _run_told(state: RunState) -> dict[str, Any]:
    told = {
        "name": state.name,
        "analysisRun": state.run,
        "phase": state.phase.value if state.phase else "",
        "message": state.message[:MESSAGE_MAX] or None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _conditions(seen: ExperimentSeen, state: State) -> tuple[Condition, ...]:
    name = f'Experiment "{seen.ref.name}"'
    found: list[Condition] = []
    if seen.refusals and state.phase is Phase.ERROR:
        said = f'The Experiment "{seen.ref.name}" is invalid: {seen.refusals[0]}'[:MESSAGE_MAX]
        found.append(Condition("InvalidSpec", "True", "InvalidSpec", said))
    match state.phase:
        case None | Phase.PENDING:
            found.append(Condition("Progressing", "True", "ReplicaSetUpdated", f"{name} is progressing."))
        case Phase.RUNNING:
            found.append(Condition("Progressing", "True", "NewReplicaSetAvailable", f"{name} is running."))
        case _:
            is_late = any(each.phase is TemplatePhase.FAILED for each in state.templates)
            late = Condition("Progressing", "False", "ProgressDeadlineExceeded", f"{name} has timed out progressing.")
            done = Condition("Progressing", "False", "ExperimentCompleted", f"{name} has ended: {state.phase}.")
            found.append(late if is_late else done)
    running, completed = state.phase is Phase.RUNNING, state.is_over
    found.append(Condition("Running", str(running), "ExperimentRunning", f"{name} runs: {running}."))
    found.append(Condition("Completed", str(completed), "ExperimentCompleted", f"{name} has ended: {completed}."))
    return tuple(found)


def _by_name(told: object) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for each in objects(told):
        found.setdefault(str(each.get("name")), each)
    return found


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _COUNT_MAX else 0
