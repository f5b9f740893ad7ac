"""What a Rollout needs next; the chapter headings of progressive delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from rollouts.core.plan import NOTES_MAX, Note, Patch, Plan, Stage
from rollouts.delivery import (
    bluegreen,
    calling,
    canary,
    denials,
    failfast,
    handover,
    leftovers,
    marks,
    progress,
    restart,
    roles,
    stages,
    status,
    steps,
    unknown,
)
from rollouts.delivery.advance import advance
from rollouts.delivery.phase import Event, Phase, phase_of
from rollouts.delivery.seen import DeliverySeen, Farewell, Parting, Refused, Seen, Stray, Waiting
from rollouts.delivery.turning import Turning
from rollouts.delivery.want import Told, Want, adopted, moves, resized, shift
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import VERSIONS, named

RECHECK_S = 20.0
ACTIONS_MAX = 32  # in one letter; what is left over is planned again in the next turn

STRATEGIES: Mapping[str, Callable[[DeliverySeen, Phase, Instant], Want]] = {
    "canary": canary.wish,
    "blueGreen": bluegreen.wish,
}
"""Field of spec.strategy → what it wants at each phase."""


def reconcile(seen: Seen, now: Instant) -> Plan:
    """The letter of this turn."""
    match seen:
        case Refused():
            return refuse(seen, now)
        case Farewell():
            return farewell(seen)
        case Parting():
            return handover.part(seen, now)
        case Waiting():
            return Plan(rule=seen.why)
        case Stray():
            return Plan(actions=(adopted(seen.ref, seen.rollout, seen.set),), rule="the stable ReplicaSet has no owner")
        case DeliverySeen():
            return deliver(seen, now)
        case unreachable:
            assert_never(unreachable)


def deliver(seen: DeliverySeen, now: Instant) -> Plan:
    """Remember a decision, or else do what the remembered ones permit, or else report."""
    phase = phase_of(seen.latch, seen.step_count)
    turning = advance(seen, now)
    if turning and phase is not Phase.ABORTED:
        return remember(seen, turning, now)
    want = STRATEGIES[seen.strategy](seen, phase, now)
    giving_back = list(_traffic(seen, want)) if turning else []
    if giving_back and not any(action.ref in seen.refused for action, _ in giving_back):
        # The abort that a person wrote is remembered already: traffic first, bookkeeping after.
        actions = tuple(action for action, _ in giving_back)
        return Plan(actions=actions, notes=_notes(giving_back), rule="an aborted update gives its traffic back")
    if turning:
        return remember(seen, turning, now)
    if denied := admit(seen, now):
        return denied
    told = [*moves(seen, want), *_single_pods(seen, now)][:ACTIONS_MAX]
    report, later = _report(seen, told, now)
    rule = _rule(seen, phase, told) + denials.sentence(seen) + restart.sentence(seen, now)
    return Plan(
        actions=tuple(action for action, _ in told),
        status=report,
        asks=calling.asks(seen, now),
        notes=(*_notes(told), *_news(seen, report)),
        wake=_next_look(seen, want, later, now),
        rule=rule,
    )


def _traffic(seen: DeliverySeen, want: Want) -> Iterator[Told]:
    """The writes that move users between versions: without a router those of the pods, which are the traffic."""
    if seen.is_routed or seen.blue_green is not None:
        shifted = list(shift(seen, want))
        # The deadline of what was given up is set before that is told, as the contract's clients expect.
        yield from shifted or (each for each in resized(seen, want) if each[0].stage is Stage.SHRINK)
        return
    for action, told in moves(seen, want):
        if isinstance(action, Patch) and action.ref.kind in (kinds.REPLICA_SET, kinds.SERVICE):
            yield action, told


def remember(seen: DeliverySeen, turning: Turning, now: Instant) -> Plan:
    """One status patch with the decision and the observations of the moment; its effects come in the next turn."""
    body = status.describe(seen, turning.latch, turning, now)
    patch = status.patch(seen, body, now, progressed=True)
    assert patch is not None, "a turning changes the status"
    patch = replace(patch, irreversible=turning.event is Event.PROMOTE)
    told = (*_news(seen, patch), *denials.news(seen, body), *turning.notes)
    return Plan(latch=patch, notes=told, rule=turning.rule)


def admit(seen: DeliverySeen, now: Instant) -> Plan | None:
    """Say what the API server refused before it is asked again: a refused write ends its turn before the report."""
    report, _ = _report(seen, [], now) if seen.refused else (None, None)
    if report is None:
        return None
    assert isinstance(report.body, Mapping)
    told = (*_news(seen, report), *denials.news(seen, report.body["status"]))
    return Plan(status=report, notes=told, rule=f"what is seen is told first{denials.sentence(seen)}")


def _news(seen: DeliverySeen, report: Patch | None) -> Iterator[Note]:
    """What a status write tells beside itself."""
    if report is not None:
        assert isinstance(report.body, Mapping)
        yield from status.run_notes(seen)
        yield from unknown.news(seen, report.body["status"])


def refuse(seen: Refused, now: Instant) -> Plan:
    """Say what is wrong, touch nothing, and look again: what is missing may appear."""
    patch, notes = status.refused(seen, now)
    rule = f"the spec is refused: {seen.refusals[0]}"
    return Plan(status=patch, notes=notes, wake=now.plus(RECHECK_S), rule=rule)


def farewell(seen: Farewell) -> Plan:
    """The Rollout is gone: routers lead to the stable Service alone, and Services select by the user's own labels."""
    routes = tuple(replace(each, irreversible=True) for each in _given_back(seen))
    taken = {each.ref for each in routes}
    return Plan(
        actions=routes
        + tuple(
            Patch(
                Ref(kinds.SERVICE, seen.ref.namespace, obj.name(each)),
                leftovers.BARE,
                obj.uid(each),
                obj.version(each),
                irreversible=True,
            )
            for each in seen.services
            if Ref(kinds.SERVICE, seen.ref.namespace, obj.name(each)) not in taken
        ),
        rule="the Rollout is gone, so its Services are given back",
    )


def _given_back(seen: Farewell) -> Iterator[Patch]:
    for ref, manifest in seen.routes[: ACTIONS_MAX // 2]:
        if (patch := leftovers.bare(ref, manifest, seen.ref, seen.dialects)) is not None:
            yield patch


def names_root(ref: Ref, manifest: Manifest) -> Ref | None:
    """The Rollout that a Service, or an object of a router, bears the mark of."""
    if (marked := next(named(manifest), None)) is not None:
        return marked
    if ref.kind != kinds.SERVICE and ref.kind not in VERSIONS:
        return None
    name = obj.annotations(manifest).get(marks.MANAGED_BY)
    return Ref(kinds.ROLLOUT, ref.namespace, name) if name else None


def urgent(manifest: Manifest) -> bool:
    """Whether an abort is under way, which goes before everything else."""
    told = manifest.get("status")
    if not isinstance(told, dict) or told.get("abort") is not True:
        return False
    if not told.get("abortedAt"):
        return True
    blue = told.get("blueGreen") or {}
    if blue.get("activeSelector") not in (None, "", told.get("stableRS")):
        return True
    weights = (told.get("canary") or {}).get("weights") or {}
    return bool((weights.get("canary") or {}).get("weight"))


def _notes(told: Iterable[Told]) -> tuple[Note, ...]:
    return tuple(note for _, about in told for note in about)[: NOTES_MAX - 4]


def _report(seen: DeliverySeen, told: list[Told], now: Instant) -> tuple[Patch | None, Instant | None]:
    """The status write that this turn should make, or the moment when one that can wait is due."""
    if any(action.ref == seen.ref for action, _ in told):
        return None, None  # that write moves the version that a status write would carry
    wanted = status.describe(seen, seen.latch, None, now)
    progressed = progress.has_progressed(seen, progress.counts_of(seen))
    patch = status.patch(seen, wanted, now, progressed=progressed)
    if patch is None or not status.may_wait(seen, wanted):
        return patch, None
    due = status.next_report(seen)
    if due is not None and due > now:
        return None, due
    return (None, None) if told else (patch, None)


def _single_pods(seen: DeliverySeen, now: Instant) -> Iterator[Told]:
    """What is done to pods one by one: some leave for a restart, some change their role's metadata."""
    leaving = tuple(restart.evictions(seen, now))
    yield from ((each, ()) for each in leaving)
    refs = {each.ref for each in leaving}
    yield from ((each, ()) for each in roles.pod_changes(seen) if each.ref not in refs)


def _next_look(seen: DeliverySeen, want: Want, later: Instant | None, now: Instant) -> Instant | None:
    """No later than the first moment at which the clock alone changes what is due."""
    due = stages.pause_due(seen, seen.latch) if seen.blue_green else steps.pause_due(seen, seen.latch)
    moments = [later, None if seen.spec.paused else due, progress.deadline(seen)]
    moments += [look(seen, now) for look in (calling.next_look, restart.next_look, failfast.next_look)]
    moments += [each.until for each in want.sets]
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _rule(seen: DeliverySeen, phase: Phase, told: list[Told]) -> str:
    """The sentence behind the plan, for `explain`."""
    if phase is Phase.SETTLED:
        return "the stable version is brought to its wish" if told else "the stable version is as wished"
    if phase is Phase.ABORTED:
        return "the update is aborted: the stable version carries everything"
    if phase is Phase.FIRST:
        return "the first version waits for all of its pods"
    if phase is Phase.PAUSED:
        return f"the update is paused: {seen.latch.pauses[0].reason}"
    if seen.blue_green is not None:
        return stages.sentence(seen)
    step = steps.current(seen, seen.latch)
    if step is None:
        return "all steps are done: the canary grows to full size and takes all the traffic"
    return f"step {seen.latch.step + 1}/{len(seen.canary.steps)}: {steps.text(step)}"
