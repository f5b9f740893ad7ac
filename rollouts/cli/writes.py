"""What a person's word means in API writes: a Rollout in, merge patches out; pure, and exactly the contract's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.kinds import EXPERIMENT
from rollouts.kube.podtemplate import comparable
from rollouts.kube.ref import Manifest
from rollouts.view import facts, health
from rollouts.view.age import span
from rollouts.view.phase import is_observed

EPHEMERAL = "rollout.argoproj.io/ephemeral-metadata"


@dataclass(frozen=True, slots=True)
class Decision:
    """The merge patches for one word, and what to tell whoever spoke it.

    status: goes to the status subresource.  spec: goes to the object.  Both empty: there is nothing to write.
    refusal, fix: why the word cannot be obeyed, and what to do instead.
    """

    said: str
    status: Mapping[str, Any] | None = None
    spec: Mapping[str, Any] | None = None
    refusal: str = ""
    fix: str = ""


def promote(rollout: Manifest, *, full: bool = False) -> Decision:
    """End the present pause or step; `full`: skip the rest of the update."""
    name, status = rollout["metadata"]["name"], facts.status(rollout)
    if status.get("abort") and not full:
        return _aborted(name)
    unpause = {"spec": {"paused": False}} if facts.spec(rollout).get("paused") else None
    if full:
        is_done = status.get("currentPodHash") == status.get("stableRS") and is_observed(rollout)
        skip = None if is_done else {"status": {"promoteFull": True}}
        return Decision(_done(f"rollout '{name}' fully promoted", skip, unpause, name), skip, unpause)
    patch = _next_step(rollout)
    return Decision(_done(f"rollout '{name}' promoted", patch, unpause, name), patch, unpause)


def skip(rollout: Manifest, steps: str) -> Decision:
    """Move the cursor past one step, or past all of them, whatever holds it now. steps: one or all."""
    name, total = rollout["metadata"]["name"], len(facts.steps(rollout))
    if not total:
        return Decision("", refusal=f"rollout {name!r} has no steps to skip", fix=f"rollouts promote {name}")
    if facts.status(rollout).get("abort"):
        return _aborted(name)
    after = total if steps == "all" else min(facts.step_index(rollout) + 1, total)
    unpause = {"spec": {"paused": False}} if facts.spec(rollout).get("paused") else None
    patch = {"status": {"pauseConditions": None, "currentStepIndex": after}}
    return Decision(f"rollout '{name}' promoted", patch, unpause)


def _aborted(name: str) -> Decision:
    refusal = f"rollout {name!r} is aborted, so there is no update to promote"
    return Decision("", refusal=refusal, fix=f"rollouts retry rollout {name}")


def _next_step(rollout: Manifest) -> Mapping[str, Any] | None:
    """The status patch of a promotion: lift a pause, or move the cursor, or both after an inconclusive analysis."""
    status = facts.status(rollout)
    paused = bool(status.get("pauseConditions"))
    following = min(facts.step_index(rollout) + 1, len(facts.steps(rollout)))
    judged = ((status.get("canary") or {}).get("currentStepAnalysisRunStatus") or {}).get("status")
    if facts.steps(rollout) and judged == "Inconclusive" and paused and status.get("controllerPause"):
        return {"status": {"pauseConditions": None, "controllerPause": False, "currentStepIndex": following}}
    if paused:
        return {"status": {"pauseConditions": None}}
    if facts.steps(rollout) and facts.step_index(rollout) < len(facts.steps(rollout)):
        return {"status": {"pauseConditions": None, "currentStepIndex": following}}
    return None


def _done(said: str, status: Mapping[str, Any] | None, spec: Mapping[str, Any] | None, name: str) -> str:
    return said if status or spec else f"rollout '{name}' has nothing left to promote"


def abort(rollout: Manifest) -> Decision:
    """Give all traffic back to the stable version."""
    name, status = rollout["metadata"]["name"], facts.status(rollout)
    if status.get("abort"):
        return Decision(f"rollout '{name}' is aborted already")
    stable = status.get("stableRS")
    if stable and stable == status.get("currentPodHash") and is_observed(rollout):
        return Decision(f"rollout '{name}' has no update under way, so there is nothing to abort")
    return Decision(f"rollout '{name}' aborted", status={"status": {"abort": True}})


def retry(rollout: Manifest) -> Decision:
    """Begin an aborted update again."""
    name = rollout["metadata"]["name"]
    if not facts.status(rollout).get("abort"):
        return Decision(f"rollout '{name}' is not aborted, so there is nothing to retry")
    return Decision(f"rollout '{name}' retried", status={"status": {"abort": False}})


def pause(rollout: Manifest) -> Decision:
    """Hold the Rollout where it is."""
    return Decision(f"rollout '{rollout['metadata']['name']}' paused", spec={"spec": {"paused": True}})


def resume(rollout: Manifest) -> Decision:
    """Lift every pause, a person's and a step's, and skip nothing else."""
    name = rollout["metadata"]["name"]
    spec = {"spec": {"paused": False}} if facts.spec(rollout).get("paused") else None
    status = {"status": {"pauseConditions": None}} if facts.status(rollout).get("pauseConditions") else None
    said = f"rollout '{name}' resumed" if spec or status else f"rollout '{name}' is not paused"
    return Decision(said, status, spec)


def restart(rollout: Manifest, now: Instant, delay_s: float) -> Decision:
    """Replace every pod once the delay is over."""
    at = now.plus(delay_s)
    said = f"rollout '{rollout['metadata']['name']}' restarts in {span(delay_s)}"
    return Decision(said, spec={"spec": {"restartAt": at.rfc3339_whole()}})


def terminate(run: Manifest) -> Decision:
    """End an AnalysisRun or an Experiment; one that is over stays as it is."""
    kind, name = "experiment" if run.get("kind") == EXPERIMENT.name else "analysisRun", run["metadata"]["name"]
    if (phase := facts.status(run).get("phase")) in health.OVER:
        return Decision(f"{kind} '{name}' is over already: {phase}")
    if facts.spec(run).get("terminate"):
        return Decision(f"{kind} '{name}' is being terminated already")
    return Decision(f"{kind} '{name}' terminated", spec={"spec": {"terminate": True}})


def retry_experiment(trial: Manifest) -> Decision:
    """Run an Experiment again: a status that is gone was never begun."""
    name = trial["metadata"]["name"]
    if not facts.status(trial):
        return Decision(f"experiment '{name}' has not begun, so there is nothing to retry")
    return Decision(f"experiment '{name}' retried", spec={"status": None})


@dataclass(frozen=True, slots=True)
class Undo:
    """The revision to go back to, and the JSON patch that does it; empty where it is the present one already."""

    revision: int
    operations: tuple[Mapping[str, Any], ...] = ()
    refusal: str = ""
    fix: str = ""


def undo(rollout: Manifest, replica_sets: Iterable[Manifest], holder: Manifest, revision: int = 0) -> Undo:
    """Back to the pod template of an earlier revision; 0: the one before the newest.

    holder: the object with the pod template, which is the Rollout or the Deployment that it refers to.
    """
    name = rollout["metadata"]["name"]
    by_revision = {facts.revision(each): each for each in facts.owned(replica_sets, rollout) if facts.revision(each)}
    known = sorted(by_revision, reverse=True)
    there_are = f"there are: {', '.join(map(str, known))}" if known else ""
    if revision and revision not in by_revision:
        return Undo(
            revision,
            refusal=f"unable to find specified revision {revision} in history of rollout {name!r}",
            fix=there_are,
        )
    if not revision and len(known) < 2:
        return Undo(0, refusal=f'no revision found for rollout "{name}"', fix=there_are)
    wanted = revision or known[1]
    template = _as_written(by_revision[wanted])
    if comparable(template) == comparable(facts.spec(holder).get("template") or {}):
        return Undo(wanted)
    return Undo(wanted, ({"op": "replace", "path": "/spec/template", "value": template},))


def _as_written(replica_set: Manifest) -> dict[str, Any]:
    """A ReplicaSet's template as its author wrote it: without the hash and the metadata of a part it once played."""
    template = facts.spec(replica_set).get("template") or {}
    meta, added = template.get("metadata") or {}, _ephemeral(replica_set)
    kept: dict[str, Any] = {}
    for field, own in (("labels", {facts.HASH: None}), ("annotations", {})):
        strange = {**added.get(field, {}), **own}
        if left := {key: value for key, value in (meta.get(field) or {}).items() if key not in strange}:
            kept[field] = left
    # The time stamp is null in what a ReplicaSet stores; nobody wrote it.
    others = {key: value for key, value in meta.items() if key not in ("labels", "annotations", "creationTimestamp")}
    return {**template, "metadata": {**others, **kept}}


def _ephemeral(replica_set: Manifest) -> dict[str, dict[str, Any]]:
    """The labels and annotations that only the canary or the stable pods carry; nothing where they are unreadable."""
    try:
        found = json.loads(obj.annotations(replica_set).get(EPHEMERAL) or "{}")
    except ValueError:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class ImageChange:
    """JSON patch operations on a pod template, each guarded by the container's name; unknown: names nobody has."""

    operations: tuple[Mapping[str, Any], ...]
    unknown: tuple[str, ...] = ()


def set_images(manifest: Manifest, images: Mapping[str, str]) -> ImageChange:
    """New images by container name, `*` for all, looking through init, plain and ephemeral containers."""
    pod = (facts.spec(manifest).get("template") or {}).get("spec") or {}
    operations: list[Mapping[str, Any]] = []
    met: set[str] = set()
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for number, container in enumerate(pod.get(field) or ()):
            own = str(container.get("name", ""))
            met.add(own)
            wanted = images.get(own, images.get("*"))
            if wanted is None or wanted == container.get("image"):
                continue
            path = f"/spec/template/spec/{field}/{number}"
            # The guard makes a list that was reordered meanwhile refuse the patch instead of taking a wrong image.
            operations.append({"op": "test", "path": f"{path}/name", "value": own})
            verb = "replace" if "image" in container else "add"
            operations.append({"op": verb, "path": f"{path}/image", "value": wanted})
    return ImageChange(tuple(operations), tuple(name for name in images if name != "*" and name not in met))


def container_names(manifest: Manifest) -> tuple[str, ...]:
    """Every container name of a pod template, in order."""
    pod = (facts.spec(manifest).get("template") or {}).get("spec") or {}
    fields = ("initContainers", "containers", "ephemeralContainers")
    return tuple(str(each.get("name", "")) for field in fields for each in pod.get(field) or ())
