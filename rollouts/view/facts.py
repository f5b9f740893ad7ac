"""What a Rollout and its objects say, in the words of the header block and of the list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view.style import Role

HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
SCALE_DOWN_DEADLINE = "scale-down-deadline"
TRIAL_TEMPLATE = "experiment.argoproj.io/template-name"

ROLES: Mapping[str, Role] = {
    "stable": Role.STABLE,
    "active": Role.STABLE,
    "canary": Role.CANARY,
    "preview": Role.PREVIEW,
    "ping": Role.PREVIEW,
    "pong": Role.PREVIEW,
}
"""The part that a ReplicaSet plays, and its colour."""


@dataclass(frozen=True, slots=True)
class World:
    """One Rollout and what belongs to it, as listed from the API server.

    On the page of an Experiment, that Experiment stands in the Rollout's place.
    """

    rollout: Manifest
    replica_sets: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    runs: tuple[Manifest, ...] = ()
    jobs: tuple[Manifest, ...] = ()
    events: tuple[Manifest, ...] = ()
    experiments: tuple[Manifest, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """The five numbers under `Replicas:`."""

    desired: int
    current: int
    updated: int
    ready: int
    available: int


def spec(manifest: Manifest) -> Mapping[str, Any]:
    """The spec, empty rather than absent."""
    return manifest.get("spec") or {}


def status(manifest: Manifest) -> Mapping[str, Any]:
    """The status, empty rather than absent."""
    return manifest.get("status") or {}


def whole(value: object) -> int:
    """A count as the API writes it; absent is 0, and so is anything that a hand has put there instead of a number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def replicas(manifest: Manifest) -> int:
    """spec.replicas with the API's default of 1."""
    value = spec(manifest).get("replicas")
    return 1 if value is None else whole(value)


def counts(rollout: Manifest) -> Counts:
    """Desired from the spec, the others from the status."""
    seen = status(rollout)
    return Counts(
        replicas(rollout),
        whole(seen.get("replicas")),
        whole(seen.get("updatedReplicas")),
        whole(seen.get("readyReplicas")),
        whole(seen.get("availableReplicas")),
    )


def strategy(rollout: Manifest) -> str:
    """Canary, BlueGreen, or unknown for a spec that names neither."""
    given = spec(rollout).get("strategy") or {}
    if given.get("canary") is not None:
        return "Canary"
    return "BlueGreen" if given.get("blueGreen") is not None else "unknown"


def canary(rollout: Manifest) -> Mapping[str, Any]:
    """spec.strategy.canary, empty rather than absent."""
    return (spec(rollout).get("strategy") or {}).get("canary") or {}


def steps(rollout: Manifest) -> tuple[Mapping[str, Any], ...]:
    """The canary steps."""
    return tuple(canary(rollout).get("steps") or ())


def step_index(rollout: Manifest) -> int:
    """The cursor; a status that has none stands at the first step."""
    return min(max(whole(status(rollout).get("currentStepIndex")), 0), len(steps(rollout)))


def step(rollout: Manifest) -> str:
    """The cursor of a canary as `1/3`; "" where there are no steps, or where nobody has set it."""
    total, given = len(steps(rollout)), status(rollout).get("currentStepIndex")
    return f"{step_index(rollout)}/{total}" if total and given is not None else ""


def human_wait(rollout: Manifest) -> str:
    """What only a person can end, in a few words; "" where time or a measurement will."""
    if spec(rollout).get("paused"):
        return "it was paused by hand (spec.paused)"
    for pause in status(rollout).get("pauseConditions") or ():
        reason, index = str(pause.get("reason", "")), step_index(rollout)
        step = steps(rollout)[index] if index < len(steps(rollout)) else {}
        if reason in ("InconclusiveAnalysisRun", "InconclusiveExperiment"):
            return f"the {'analysis' if reason.endswith('Run') else 'experiment'} could not decide"
        if reason == "CanaryPauseStep" and not (step.get("pause") or {}).get("duration"):
            return f"step {index + 1} of {len(steps(rollout))} is a pause without end"
        blue_green = (spec(rollout).get("strategy") or {}).get("blueGreen") or {}
        if reason == "BlueGreenPause" and not blue_green.get("autoPromotionSeconds"):
            return "the preview waits to be promoted"
    return ""


def weight_total(rollout: Manifest) -> int:
    """The weight that means all traffic."""
    return whole((canary(rollout).get("trafficRouting") or {}).get("maxTrafficWeight")) or 100


def set_weight(rollout: Manifest) -> int:
    """The weight that the steps so far ask for; 0 while aborted, everything once the steps are done."""
    if status(rollout).get("abort"):
        return 0
    done, given = step_index(rollout), steps(rollout)
    if done >= len(given):
        return weight_total(rollout)
    asked = [step["setWeight"] for step in given[: done + 1] if isinstance(step.get("setWeight"), int)]
    return int(asked[-1]) if asked else 0


def actual_weight(world: World) -> int:
    """The weight that the router was last told, or without a router the canary's share of the available pods."""
    seen = status(world.rollout)
    if canary(world.rollout).get("trafficRouting") is not None:
        weights = (seen.get("canary") or {}).get("weights") or {}
        return whole((weights.get("canary") or {}).get("weight"))
    available = whole(seen.get("availableReplicas"))
    ours = [
        whole(status(each).get("availableReplicas")) for each in world.replica_sets if "canary" in parts(world, each)
    ]
    return sum(ours) * 100 // available if available else 0


def page_weight(world: World) -> int:
    """The weight as the page tells it: everything where no step is left, nothing while no pod is available."""
    if step_index(world.rollout) >= len(steps(world.rollout)):
        return 100
    return actual_weight(world) if counts(world.rollout).available else 0


def pod_hash(replica_set: Manifest) -> str:
    """The hash by which Services and routes pick this ReplicaSet's pods."""
    return obj.labels(replica_set).get(HASH, "")


def revision(manifest: Manifest) -> int:
    """The revision that an object belongs to, 0 where it names none."""
    text = obj.annotations(manifest).get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def parts(world: World, replica_set: Manifest) -> tuple[str, ...]:
    """The parts that a ReplicaSet plays now: stable, canary, active, preview; ping or pong beside them."""
    seen, own = status(world.rollout), pod_hash(replica_set)
    if not own:
        return ()
    stable, current = seen.get("stableRS") or "", seen.get("currentPodHash") or ""
    played: list[str] = []
    if strategy(world.rollout) == "BlueGreen":
        selectors = seen.get("blueGreen") or {}
        if own == stable:
            played.append("stable")
        if own == selectors.get("activeSelector"):
            played.append("active")
        elif own == selectors.get("previewSelector"):
            played.append("preview")
        return tuple(played)
    if own == stable:
        played.append("stable")
    elif own == current:
        played.append("canary")
    ping_pong = (seen.get("canary") or {}).get("stablePingPong")
    if played and ping_pong in ("ping", "pong"):
        other = "pong" if ping_pong == "ping" else "ping"
        played.append(ping_pong if played[0] == "stable" else other)
    return tuple(played)


def images(world: World) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each image that runs now with the parts it plays, by name; a part in an Experiment is `Σ:` and its template."""
    found: dict[str, list[str]] = {}
    played = [(each, parts(world, each)) for each in owned(world.replica_sets, world.rollout)]
    for trial in owned(world.experiments, world.rollout):
        played += [(each, trial_part(each)) for each in owned(world.replica_sets, trial)]
    for replica_set, roles in played:
        for image in template_images(replica_set) if whole(status(replica_set).get("replicas")) else ():
            known = found.setdefault(image, [])
            known += [role for role in roles if role not in known]
    return tuple((image, tuple(known)) for image, known in sorted(found.items()))


def trial_part(replica_set: Manifest) -> tuple[str, ...]:
    """The part that a ReplicaSet of an Experiment plays: that of its template."""
    template = obj.annotations(replica_set).get(TRIAL_TEMPLATE)
    return (f"Σ:{template}",) if template else ()


def template_images(manifest: Manifest) -> tuple[str, ...]:
    """The images of a pod template's containers, each once, in order."""
    pod = (spec(manifest).get("template") or {}).get("spec") or {}
    return tuple(dict.fromkeys(str(each.get("image", "")) for each in pod.get("containers") or ()))


def experiment_images(trial: Manifest) -> tuple[str, ...]:
    """The images of all the pods of an Experiment, each once, in order."""
    templates = ({"spec": each} for each in spec(trial).get("templates") or () if isinstance(each, Mapping))
    return tuple(dict.fromkeys(image for each in templates for image in template_images(each)))


def deadline(replica_set: Manifest) -> Instant | None:
    """When a ReplicaSet that no longer serves is to be scaled down, None where no such moment is set."""
    return Instant.parse(obj.annotations(replica_set).get(SCALE_DOWN_DEADLINE))


def owned(objects: Iterable[Manifest], owner: Manifest) -> tuple[Manifest, ...]:
    """Those objects that `owner` controls, by name."""
    mine = [each for each in objects if obj.controller_uid(each) == obj.uid(owner) and obj.uid(owner)]
    return tuple(sorted(mine, key=obj.name))
