"""The laws of traffic and of decisions, one function each, judged at every write that a controller commits.

The excuse rule: pods die by themselves and people change their minds, so a state is a violation only if the
controller's own write made it worse, and only by what the controller could have known when it decided (`since`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analysis.duration import parse_s
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.object import controller_uid, labels, uid
from rollouts.kube.ref import Manifest
from rollouts.simulation.case import Case
from rollouts.simulation.handover_laws import handover_is_remembered, handover_keeps_pods
from rollouts.simulation.living import restart_keeps_pace
from rollouts.simulation.memory import is_selected
from rollouts.simulation.plugged import plugin_lets_pass
from rollouts.simulation.pod_laws import (
    aborted_canary_lingers,
    old_version_lingers,
    ratio_keeps_limits,
    stable_stays_whole,
)
from rollouts.simulation.routed import CARRYING, SELECTING, counts_to, foreign
from rollouts.simulation.switch_laws import promotion_is_earned, release_is_earned, switch_is_released
from rollouts.simulation.trials import experiment_keeps_pods, experiment_lets_pass, guests_have_pods, verdict_stays
from rollouts.simulation.truth import DONE, HASH, need


def traffic_has_pods(case: Case) -> Iterator[str]:
    """S1: no write sends traffic to a ReplicaSet without an available pod."""
    after = case.after
    if after.replicas == 0 or case.is_mending:
        return
    canary = after.sets.get(after.service_hash("canaryService"))
    stable = after.sets.get(after.service_hash("stableService"))
    if case.weight and case.weight[1] > case.weight[0] and canary and case.most(canary) == 0:
        yield f"weight {case.weight[0]} to {case.weight[1]} although the canary has no available pod"
    if case.weight and case.weight[1] < case.weight[0] and stable and case.most(stable) == 0 and case.least(canary) > 0:
        yield f"weight {case.weight[0]} to {case.weight[1]} although the stable version has no available pod"
    if case.commit.kind in SELECTING:
        for field, share in (("canaryService", after.total - after.main_share), ("stableService", after.main_share)):
            old, new = case.before.service_hash(field), after.service_hash(field)
            target, had = after.sets.get(new), case.before.sets.get(old)
            serving = case.least(had) if had else max((case.least(one) for one in after.sets.values()), default=0)
            if old != new and new and share > 0 and case.most(target) == 0 and serving > 0:
                yield f"{field} turned to {new}, which has no available pod, while it carries {share}"


def traffic_has_room(case: Case) -> Iterator[str]:
    """S2: a share is raised only to as many available pods as it needs, rounded up."""
    after, replicas = case.after, case.replicas
    if case.weight and case.weight[0] != case.weight[1] and after.stable and not case.is_mending:
        old, new = case.weight
        canary = after.sets.get(after.service_hash("canaryService"))
        stable = after.sets.get(after.service_hash("stableService"))
        wants = 1 if after.sizes_are_set else need(replicas, new, after.total)
        if new > old and canary and case.most(canary) < wants:
            yield f"weight {new} needs {wants} canary pods, got {case.most(canary)}"
        rest = after.total - new
        is_carried = case.least(canary) >= need(after.replicas, old, after.total)
        if new < old and stable and case.most(stable) < need(replicas, rest, after.total) and is_carried:
            yield f"the stable version gets {rest} of {after.total} with {case.most(stable)} of {replicas} pods"
    if case.commit.kind in SELECTING and after.is_routed and case.before.service_hash("stableService"):
        left, taken = case.before.service_hash("stableService"), after.service_hash("stableService")
        wants, has = need(replicas, after.main_share, after.total), case.most(after.sets.get(taken))
        if after.is_blue_green and taken == after.stable:
            wants -= wants // 4  # maxUnavailable may be missing when an update is taken back
        if left != taken and taken and has < wants <= case.least(case.before.sets.get(left)):
            yield f"stableService turned to {taken} with {has} of {wants} pods"


def weight_follows_steps(case: Case) -> Iterator[str]:
    """S3: the canary's share is never above the last setWeight that was reached."""
    after = case.after
    if not case.weight or case.weight[1] <= case.weight[0] or not after.is_updating:
        return
    if after.status.get("promoteFull") or after.step is None or after.step >= len(after.steps):
        return
    reached = [step["setWeight"] for step in after.steps[: after.step + 1] if step.get("setWeight") is not None]
    allowed = reached[-1] if reached else 0
    if case.weight[1] > allowed:
        yield f"weight {case.weight[1]} at step {after.step}, where {allowed} is the last one reached"


def weights_add_up(case: Case) -> Iterator[str]:
    """S4: every share lies between nothing and all, the others make up the rest, and the router counts to the same."""
    if case.weight and not 0 <= case.weight[1] <= case.after.total:
        yield f"weight {case.weight[1]} of {case.after.total}"
    if case.weight and case.weight[1] and case.commit.kind == kinds.INGRESS:
        counted = counts_to(case.commit.object)
        if counted not in (None, case.after.total):
            yield f"weight {case.weight[1]} of {case.after.total} on an Ingress that counts to {counted}"


def selected_stays_up(case: Case) -> Iterator[str]:
    """S7: what a Service selects is not scaled to nothing."""
    if not case.scaled or case.scaled[2] > 0 or case.replicas == 0:
        return
    if not case.after.is_routed and case.after.limits(case.replicas)[1] == 0:
        return  # the user can do without any pod
    selected = is_selected(case.memory, case.scaled[0], case.after.ref.namespace)
    if selected is not None and selected < case.since:
        yield f"{case.scaled[0]} goes to 0 pods although a Service has selected it since {selected}"


def order_is_kept(case: Case) -> Iterator[str]:
    """S8: up: pods, selector, weight. Down: weight, then pods."""
    after = case.after
    if case.weight and case.weight[1] > case.weight[0] and after.is_updating:
        selected = after.service_hash("canaryService")
        if selected != after.current:
            yield f"weight {case.weight[1]} while canaryService selects {selected or 'all'} and not {after.current}"
    if case.scaled and case.scaled[0] == after.service_hash("canaryService") and after.is_updating:
        least = min(1, after.weight) if after.sizes_are_set else need(case.replicas, after.weight, after.total)
        if case.scaled[2] < min(case.scaled[1], least):
            yield f"the canary goes to {case.scaled[2]} pods while its weight {after.weight} needs {least}"


def routers_agree(case: Case) -> Iterator[str]:
    """S9: a setWeight step is left only once every canary Ingress had that weight."""
    if case.advanced is None or (asked := case.after.steps[case.advanced].get("setWeight")) is None:
        return
    for ingress in case.after.canary_ingresses:
        seen = case.shares(ingress)
        if asked not in seen:
            yield f"step {case.advanced} left although {ingress.name} has weight {seen[-1]}, not {asked}"


def abort_only_lowers(case: Case) -> Iterator[str]:
    """S20: once an abort is seen no write raises the canary's share, and its Service turns at most once."""
    own = uid(case.after.rollout)
    since = case.memory.abort_since.get(own)
    if since is None or since >= case.since or not case.after.is_updating:
        return
    if case.weight and case.weight[1] > case.weight[0]:
        yield f"weight {case.weight[0]} to {case.weight[1]} after the abort"
    if case.commit.kind == kinds.SERVICE:
        old, new = case.before.service_hash("canaryService"), case.after.service_hash("canaryService")
        if old != new and not case.is_mending:
            case.memory.abort_flips[own] += 1
            if case.memory.abort_flips[own] > 1:
                yield f"canaryService turns again after the abort, to {new or 'all'}"


def idle_abort_does_nothing(case: Case) -> Iterator[str]:
    """S23: an abort without an update moves neither pods nor weight."""
    if not case.before.aborted or case.before.is_updating or not case.before.stable:
        return
    if case.weight and case.weight[1] > case.weight[0]:
        yield "an abort without an update raises a weight"
    if case.scaled and case.scaled[0] == case.before.stable and case.scaled[2] < case.replicas:
        yield f"an abort without an update scales the stable version to {case.scaled[2]}"


def steps_go_one_by_one(case: Case) -> Iterator[str]:
    """S24: the step index goes up by one, but for jumps that the contract names."""
    if case.step is None or case.step[0] == case.step[1]:
        return
    before, after, (old, new) = case.before, case.after, case.step
    same = before.current == after.current and before.status.get("currentStepHash") == after.status.get(
        "currentStepHash"
    )
    is_end = new == len(after.steps)
    if same and new == old + 1:
        return
    if new == 0 and (not same or before.aborted or after.aborted):
        return
    if is_end and (after.status.get("promoteFull") or before.status.get("promoteFull") or not after.is_updating):
        return
    if not same and (not after.steps or (is_end and after.spec.get("rollbackWindow"))):
        return
    yield f"step {old} to {new} without a cause"


def analysis_lets_pass(case: Case) -> Iterator[str]:
    """S25: an analysis step is left only by a Successful run of this very step and version."""
    if case.advanced is None or not case.after.steps[case.advanced].get("analysis"):
        return
    after, index = case.after, str(case.advanced)
    for run in after.store.all(kinds.ANALYSIS_RUN):
        told = labels(run)
        if controller_uid(run) != uid(after.rollout) or told.get(HASH) != after.current:
            continue
        if told.get("step-index") == index and (run.get("status") or {}).get("phase") == "Successful":
            return
    yield f"step {index} left without a Successful run"


def failed_analysis_stops(case: Case) -> Iterator[str]:
    """S26: once a run that decides has Failed, no write raises the canary's share."""
    if not case.weight or case.weight[1] <= case.weight[0] or not case.after.is_updating:
        return
    told = case.after.status.get("canary") or {}
    names = [
        (told.get(one) or {}).get("name")
        for one in ("currentStepAnalysisRunStatus", "currentBackgroundAnalysisRunStatus")
    ]
    for run in case.after.store.all(kinds.ANALYSIS_RUN):
        over = case.memory.over_since.get(uid(run))
        if run["metadata"]["name"] in names and over is not None and over < case.since:
            yield f"weight {case.weight[1]} although {run['metadata']['name']} has come to a bad end"


def runs_are_single(case: Case) -> Iterator[str]:
    """S27: one live run per kind, step and version; its counters never go back, its verdict never changes."""
    run = case.commit.object
    if case.commit.kind != kinds.ANALYSIS_RUN:
        return
    if case.commit.type == "ADDED":
        mine = _identity(run)
        for other in case.after.store.all(kinds.ANALYSIS_RUN):
            is_live = (other.get("status") or {}).get("phase") not in DONE and not (other.get("spec") or {}).get(
                "terminate"
            )
            if uid(other) != uid(run) and is_live and _identity(other) == mine and mine[0]:
                yield f"{run['metadata']['name']} beside {other['metadata']['name']}, which is still running"
        return
    had, has = ((one or {}).get("status") or {} for one in (case.commit.previous, run))
    if had.get("phase") in DONE and has.get("phase") != had.get("phase") and case.commit.type == "MODIFIED":
        yield f"the verdict {had.get('phase')} became {has.get('phase')}"
    now = {one["name"]: one for one in has.get("metricResults") or ()}
    for before in had.get("metricResults") or ():
        for field in ("count", "successful", "failed", "inconclusive", "error"):
            if (now.get(before["name"]) or {}).get(field, 0) < before.get(field, 0) and case.commit.type == "MODIFIED":
                yield f"{before['name']}.{field} went back from {before[field]}"


def pauses_are_kept(case: Case) -> Iterator[str]:
    """S28: no pause ends early, and one without duration not by itself."""
    if case.advanced is None or (pause := case.after.steps[case.advanced].get("pause")) is None:
        return
    own = uid(case.after.rollout)
    touched = case.memory.touched.get(own)
    entered = case.memory.step_before.get(own, case.now)
    if touched is not None and touched >= entered:
        return  # a person has had a say
    conditions = case.before.status.get("pauseConditions") or ()
    start = next(
        (Instant.parse(one.get("startTime")) for one in conditions if one["reason"] == "CanaryPauseStep"), None
    )
    duration = pause.get("duration")
    if duration is None:
        yield f"pause step {case.advanced} ended by itself"
    elif start is None:
        yield f"pause step {case.advanced} ended without a start time"
    else:
        lasts_s = float(duration) if not isinstance(duration, str) or duration.isdigit() else parse_s(duration)
        if case.now.since(start) < lasts_s - case.blur_s:
            yield f"pause step {case.advanced} of {lasts_s:g} s ended after {case.now.since(start):.6f} s"


def only_ours(case: Case) -> Iterator[str]:
    """S32: of objects that have an owner only those of a Rollout of ours are written; its uid counts, not its name."""
    if case.commit.kind not in (kinds.REPLICA_SET, kinds.INGRESS):
        is_made = controller_uid(case.commit.object) in case.memory.experiments  # see E2
        ended = (kinds.ANALYSIS_RUN, kinds.EXPERIMENT, kinds.POD)  # of pods: S37
        if case.commit.type == "DELETED" and case.commit.kind not in ended and not is_made:
            yield f"deleted {case.commit.kind.name} {case.commit.object['metadata']['name']}"
        return
    ours = case.memory.rollouts | case.memory.experiments
    before, after = case.commit.previous, case.commit.object
    if before is not None and not controller_uid(before) and HASH in labels(after) and controller_uid(after) in ours:
        return  # somebody took the owner of a version away, and it is taken back
    for manifest in (case.commit.previous, case.commit.object):
        if manifest is None or (case.commit.kind == kinds.INGRESS and not controller_uid(manifest)):
            continue  # an Ingress without an owner is the user's, and named in the spec
        owner, called = controller_uid(manifest), f"{case.commit.kind.name} {manifest['metadata']['name']}"
        if owner not in ours:
            yield f"{called} is not ours"
        elif (gone := case.memory.gone.get(owner)) is not None and gone < case.since:
            yield f"{called} belongs to an owner that is gone since {gone}, whatever its name"
    if before is not None and controller_uid(before) and controller_uid(after) != controller_uid(before):
        yield f"{case.commit.kind.name} {after['metadata']['name']} is taken from its owner"


def users_win(case: Case) -> Iterator[str]:
    """S35, S11, S12: nobody's wish is undone, nobody's annotation is lost, replicas are the user's."""
    before, after = case.commit.previous, case.commit.object
    if before is None or case.commit.type == "DELETED":
        return
    if case.commit.kind == kinds.ROLLOUT:
        had, has = dict(before["spec"]), dict(after["spec"])
        if had.pop("replicas", None) is not None and had != {key: has[key] for key in has if key != "replicas"}:
            yield "the Rollout's spec was changed"
        elif before["spec"].get("replicas") not in (None, has.get("replicas")):
            yield f"spec.replicas was changed to {has.get('replicas')}"
        is_new = case.before.current != case.after.current
        if case.before.aborted and not case.after.aborted and not is_new and case.before.is_updating:
            yield "an abort was taken back"
    kept = after["metadata"].get("annotations") or {}
    for key in before["metadata"].get("annotations") or {}:
        if key.startswith("example.org/") and key not in kept:
            yield f"the annotation {key} of somebody else is gone"


def foreign_fields_survive(case: Case) -> Iterator[str]:
    """S11: of an object of the user's a router changes weights and versions, and nothing else."""
    before, after = case.commit.previous, case.commit.object
    if case.commit.kind not in (*CARRYING, *SELECTING) or before is None or controller_uid(before):
        return
    if case.commit.type == "MODIFIED" and foreign(before) != foreign(after):
        yield f"{case.commit.kind.name} {after['metadata']['name']} lost or gained a field that is not ours"


def _identity(run: Manifest) -> tuple[str, ...]:
    told = labels(run)
    return (controller_uid(run), told.get("rollout-type", ""), told.get("step-index", ""), told.get(HASH, ""))


INVARIANTS: tuple[tuple[str, Callable[[Case], Iterator[str]]], ...] = (
    ("S1", traffic_has_pods),
    ("S2", traffic_has_room),
    ("S3", weight_follows_steps),
    ("S4", weights_add_up),
    ("S5", stable_stays_whole),
    ("S6", ratio_keeps_limits),
    ("S7", selected_stays_up),
    ("S8", order_is_kept),
    ("S9", routers_agree),
    ("S10", old_version_lingers),
    ("S20", abort_only_lowers),
    ("S22", aborted_canary_lingers),
    ("S23", idle_abort_does_nothing),
    ("S24", steps_go_one_by_one),
    ("S25", analysis_lets_pass),
    ("S26", failed_analysis_stops),
    ("S27", runs_are_single),
    ("S28", pauses_are_kept),
    ("S32", only_ours),
    ("S11", foreign_fields_survive),
    ("S35", users_win),
    ("S37", restart_keeps_pace),
    ("B1", switch_is_released),
    ("B2", release_is_earned),
    ("B3", promotion_is_earned),
    ("E1", experiment_lets_pass),
    ("E2", experiment_keeps_pods),
    ("E3", verdict_stays),
    ("E4", guests_have_pods),
    ("G1", plugin_lets_pass),
    ("W1", handover_keeps_pods),
    ("W2", handover_is_remembered),
)
