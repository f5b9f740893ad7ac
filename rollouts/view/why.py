"""Why a Rollout stands where it does: one sentence with the numbers, the evidence, and the way on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube import object as obj
from rollouts.kube.conditions import observed_generation
from rollouts.kube.ref import Manifest
from rollouts.view import facts, health
from rollouts.view.age import span
from rollouts.view.facts import World
from rollouts.view.phase import is_observed, phase_of
from rollouts.view.style import State

VALUES_SHOWN = 5
EVIDENCE_MAX = 20
_BAD = ("Failed", "Error")
_BAD_FIRST = ("Failed", "Error", "Inconclusive", "Running", "Pending", "Successful")


@dataclass(frozen=True, slots=True)
class Why:
    """An answer. reason: a word for programs.  evidence: a line each.  way_on: a command, "" where there is none."""

    reason: str
    sentence: str
    evidence: tuple[str, ...] = ()
    way_on: str = ""


def why(world: World, now: Instant) -> Why:
    """What holds this Rollout, or what aborted it."""
    rollout = world.rollout
    name, status, phase = obj.name(rollout), facts.status(rollout), phase_of(rollout)
    if not status:
        return Why("NotSeen", f"No controller has looked at {name} yet.", (), "rollouts status " + name)
    if not is_observed(rollout):
        seen, is_now = observed_generation(status), obj.generation(rollout)
        told = f"The controller has not looked at generation {is_now} of {name} yet; it last saw {seen}."
        return Why("NotSeen", told, (), "rollouts status " + name)
    if (invalid := _condition(rollout, "InvalidSpec")) is not None:
        return Why("InvalidSpec", f"{name} is refused: {invalid.get('message')}", (), "rollouts lint -f FILE")
    if status.get("abort") or status.get("abortedAt"):
        return _aborted(world, now)
    if phase.name == "Degraded":
        evidence = tuple(_pods(world))
        return Why("Degraded", f"{name} is degraded: {phase.message}.", evidence, f"rollouts get rollout {name}")
    if phase.name == "Healthy":
        return _healthy(world)
    if phase.name == "Paused" or status.get("pauseConditions"):
        return _paused(world, now)
    return _held(world, phase.message)


def lines(answer: Why) -> list[str]:
    """The answer as lines: the sentence, the evidence, and what to do."""
    way_on = [f"  go on: {answer.way_on}"] if answer.way_on else []
    return [answer.sentence, *(f"  - {line}" for line in answer.evidence), *way_on]


def _aborted(world: World, now: Instant) -> Why:
    rollout, status = world.rollout, facts.status(world.rollout)
    name, revision = obj.name(rollout), facts.revision(rollout)
    at = Instant.parse(status.get("abortedAt"))
    when = f" {span(now.since(at))} ago" if at else ""
    runs = [run for run in _runs(world) if facts.status(run).get("phase") in (*_BAD, "Inconclusive")]
    cause = _cause(runs[0]) if runs else ""
    progressing = _condition(rollout, "Progressing") or {}
    said = str(progressing.get("message") or status.get("message") or "").partition("RolloutAborted: ")
    text = cause or _after_colon(said[2] or said[0]) or "somebody asked for it (status.abort is true)"
    stable = f"; all traffic is with {status.get('stableRS')} again" if status.get("stableRS") else ""
    sentence = f"Revision {revision} of {name} was aborted{when} because {text}{stable}."
    evidence = [line for run in runs for line in _judged(run)] + list(_pods(world))
    return Why("Aborted", sentence, tuple(evidence[:EVIDENCE_MAX]), f"rollouts retry rollout {name}, or a new version")


def _after_colon(message: str) -> str:
    """What the contract's message says after `Rollout aborted update to revision N: `."""
    return message.partition(": ")[2] if message.startswith("Rollout aborted update to revision") else ""


def _healthy(world: World) -> Why:
    rollout = world.rollout
    images = ", ".join(facts.template_images(rollout))
    numbers = facts.counts(rollout)
    sentence = (
        f"Nothing holds {obj.name(rollout)}: revision {facts.revision(rollout)}{f' ({images})' if images else ''} is "
        f"stable, {numbers.available} of {numbers.desired} pods are available."
    )
    return Why("Healthy", sentence)


def _paused(world: World, now: Instant) -> Why:
    rollout = world.rollout
    name, index, total = obj.name(rollout), facts.step_index(rollout), len(facts.steps(rollout))
    if facts.spec(rollout).get("paused"):
        return Why("PausedByHand", f"{name} was paused by hand (spec.paused is true).", (), f"rollouts resume {name}")
    pauses: Sequence[Mapping[str, Any]] = facts.status(rollout).get("pauseConditions") or ({},)
    reason, since = str(pauses[0].get("reason") or "Paused"), Instant.parse(pauses[0].get("startTime"))
    lasts = f" for {span(now.since(since))}" if since else ""
    if reason == "InconclusiveAnalysisRun":
        runs = [run for run in _runs(world) if facts.status(run).get("phase") == "Inconclusive"]
        cause = _cause(runs[0]) if runs else "the analysis could not decide"
        evidence = tuple(line for run in runs for line in _judged(run))[:EVIDENCE_MAX]
        return Why(reason, f"{name} has waited{lasts} for a person: {cause}.", evidence, f"rollouts promote {name}")
    wait = facts.human_wait(rollout)
    at = f" at step {index + 1} of {total}, with {facts.actual_weight(world)} % of the traffic on the canary"
    place = at if total else ""
    if wait:
        return Why(reason, f"{name} has waited{lasts} for a person{place}: {wait}.", (), f"rollouts promote {name}")
    length = ((facts.steps(rollout)[index] if index < total else {}).get("pause") or {}).get("duration")
    rest = f"; the pause lasts {length}" if length else ""
    return Why(reason, f"{name} has paused{lasts}{place}{rest}.", (), f"rollouts promote {name}, or wait")


def _held(world: World, message: str) -> Why:
    """Progressing: the pods that are not ready, the measurements that are not all taken, or what the status says."""
    rollout = world.rollout
    name, index, total = obj.name(rollout), facts.step_index(rollout), len(facts.steps(rollout))
    step = facts.steps(rollout)[index] if index < total else {}
    place = f" at step {index + 1} of {total} ({_step(step)})" if step else ""
    # A step that judges holds a part of the pods on purpose: that more of them need an update is no news.
    lacks = message.startswith("more replicas") and not {"analysis", "experiment", "plugin"} & set(step)
    numbers = facts.counts(rollout)
    pods = tuple(_pods(world))
    running = [run for run in _runs(world) if facts.status(run).get("phase", "Pending") in ("Running", "Pending")]
    if lacks or numbers.available < numbers.updated or pods:
        sentence = f"{name} waits{place} for pods: {numbers.available} of {numbers.desired} are available"
        sentence += f", {numbers.updated} are of the new version."
        return Why("PodsNotReady", sentence, pods[:EVIDENCE_MAX], f"rollouts get rollout {name}")
    if plugin := step.get("plugin"):
        asked, way_on = str(part(plugin).get("name")), f"rollouts promote {name}, rollouts abort {name}, or wait"
        return Why("Plugin", f"{name} waits{place} for {asked}, {_called(rollout, index)}.", (), way_on)
    if trial := _experiment(world):
        phase = facts.status(trial).get("phase") or "not begun"
        sentence = f"{name} waits{place} for the Experiment {obj.name(trial)}, which is {phase}."
        return Why("Experiment", sentence, (), f"rollouts get experiment {obj.name(trial)}")
    if running:
        sentence = f"{name} waits{place} for its analysis: {'; '.join(_cause(run) for run in running)}."
        return Why("Analysis", sentence, tuple(line for run in running for line in _judged(run))[:EVIDENCE_MAX])
    told = message or "nothing that its status names"
    return Why("Progressing", f"{name} goes on{place}: {told}.", (), f"rollouts explain {name}")


def _called(rollout: Manifest, index: int) -> str:
    """What the plugin of a step has said last."""
    told = (facts.status(rollout).get("canary") or {}).get("stepPluginStatuses") or ()
    last = next((each for each in told if (each.get("index"), each.get("operation")) == (index, "Run")), None)
    if last is None:
        return "which was not called yet"
    return f"which is {last.get('phase')}" + (f": {last['message']}" if last.get("message") else "")


def _experiment(world: World) -> Manifest | None:
    """The Experiment that the step waits for."""
    asked = (facts.status(world.rollout).get("canary") or {}).get("currentExperiment")
    return next((each for each in world.experiments if asked and obj.name(each) == asked), None)


def _step(step: Mapping[str, Any]) -> str:
    name = next(iter(step), "empty")
    return f"setWeight: {step[name]}" if name == "setWeight" else name


def _condition(rollout: Manifest, kind: str) -> Mapping[str, Any] | None:
    conditions = facts.status(rollout).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind), None)


def _runs(world: World) -> list[Manifest]:
    """The newest revision's AnalysisRuns, the worst and then the latest first."""
    runs = facts.owned(world.runs, world.rollout)
    newest = max((facts.revision(run) for run in runs), default=0)
    of_it = [run for run in runs if facts.revision(run) == newest]
    of_it.sort(key=lambda run: (obj.created(run) or Instant(0), obj.name(run)), reverse=True)
    return sorted(of_it, key=lambda run: _rank(facts.status(run).get("phase")))


def _rank(phase: object) -> int:
    return _BAD_FIRST.index(phase) if phase in _BAD_FIRST else len(_BAD_FIRST)


def _cause(run: Manifest) -> str:
    """What decided a run, or how far it is: the worst metric with its numbers."""
    metrics = facts.status(run).get("metricResults") or ()
    judged = [each for each in metrics if not each.get("dryRun")] or list(metrics)
    if not judged:
        return str(facts.status(run).get("message") or f"{obj.name(run)} has measured nothing yet")
    worst = min(judged, key=lambda each: _rank(each.get("phase")))
    return f"{worst.get('name')} {_numbers(run, worst)}"


def _numbers(run: Manifest, result: Mapping[str, Any]) -> str:
    """`failed 2 of 5 measurements (1 allowed), the last was 0.93 against result[0] >= 0.95`."""
    asked: Mapping[str, Any] = next(
        (each for each in facts.spec(run).get("metrics") or () if each.get("name") == result.get("name")), {}
    )
    taken = result.get("measurements") or ()
    count = facts.whole(result.get("count")) or len(taken)
    phase = str(result.get("phase") or "Pending")
    rule = asked.get("failureCondition") if phase == "Failed" and asked.get("failureCondition") else None
    against = rule or asked.get("successCondition") or asked.get("failureCondition")
    last = _last(taken, phase)
    value = f", the last was {last}" if last else ""
    condition = f" against {against}" if against and last else ""
    match phase:
        case "Failed":
            allowed = asked.get("failureLimit", 0)
            what = f"failed {facts.whole(result.get('failed'))} of {count} measurements ({allowed} allowed)"
        case "Error":
            said = result.get("message") or _message(taken)
            return f"could not be measured {facts.whole(result.get('error'))} times{f': {said}' if said else ''}"
        case "Inconclusive":
            what = f"was inconclusive in {facts.whole(result.get('inconclusive'))} of {count} measurements"
        case "Successful":
            what = f"succeeded in {facts.whole(result.get('successful'))} of {count} measurements"
        case _:
            of = f" of {asked['count']}" if asked.get("count") is not None else ""
            what = f"has {count}{of} measurements"
    return f"{what}{value}{condition}"


def _last(taken: Any, phase: str) -> str:
    """The value that speaks for a phase: the last of that phase, or the last of all."""
    values = [each for each in taken if each.get("value") is not None]
    same = [each for each in values if each.get("phase") == phase]
    return str((same or values)[-1]["value"]) if values else ""


def _message(taken: Any) -> str:
    return next((str(each["message"]) for each in reversed(tuple(taken)) if each.get("message")), "")


def _judged(run: Manifest) -> Iterator[str]:
    for result in facts.status(run).get("metricResults") or ():
        values = [str(each["value"]) for each in result.get("measurements") or () if each.get("value") is not None]
        shown = f": {', '.join(values[-VALUES_SHOWN:])}" if values else ""
        dry = ", which decides nothing (dry run)" if result.get("dryRun") else ""
        yield f"{obj.name(run)}: {result.get('name')} is {result.get('phase') or 'Pending'}{dry}{shown}"


def _pods(world: World) -> Iterator[str]:
    """The canary's pods that are not well."""
    current = facts.status(world.rollout).get("currentPodHash")
    for replica_set in facts.owned(world.replica_sets, world.rollout):
        if facts.pod_hash(replica_set) != current or facts.replicas(replica_set) == 0:
            continue
        for pod in facts.owned(world.pods, replica_set):
            state, word = health.of_pod(pod)
            ready, total, restarts = health.pod_info(pod)
            if ready < total or state is not State.OK:
                again = f", restarted {restarts} times" if restarts else ""
                yield f"pod {obj.name(pod)}: {word}, {ready} of {total} containers ready{again}"
