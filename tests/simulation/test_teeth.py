"""The simulator's teeth: bugs put in on purpose, each of which it must find. A survivor is a hole in the auditor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from rollouts.core.plan import Plan
from rollouts.delivery import canary, commands, restart, routing, runs, scaling, services, sizes, steps, want
from rollouts.delivery.turning import Turning
from rollouts.shell import carrier, carry
from rollouts.shell.cache import Cache
from rollouts.simulation.faults import CALM, Fault, Weather, What
from rollouts.simulation.runner import Run, of_seed, play, reference
from rollouts.simulation.workload import SCENARIOS, scenario

Patch = Callable[[pytest.MonkeyPatch], None]
SLOW_WATCH = replace(CALM, lag_default_s=0.4)


@dataclass(frozen=True)
class Mutant:
    """A bug, and the runs of which at least one must break one of the laws."""

    bug: str
    put_in: Patch
    laws: tuple[str, ...]
    scenarios: tuple[str, ...] = ("good-canary",)
    weather: Weather = CALM
    seeds: int = 0


def floor_for_ceil(patch: pytest.MonkeyPatch) -> None:
    def floor(replicas: int, weight: int, total: int) -> int:
        return replicas * weight // total

    for name in ("pods_needed", "canary_size"):
        patch.setattr(scaling, name, floor)


def weight_before_selector(patch: pytest.MonkeyPatch) -> None:
    def shift(seen: Any, wish: Any) -> Any:
        yield from want.weigh(seen, wish.shares, wish.managed)
        yield from services.turn(seen, seen.canary_service, wish.canary_hash)
        yield from services.turn(seen, seen.stable_service, wish.stable_hash)

    patch.setattr(want, "shift", shift)


def weight_to_unready_pods(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scaling, "pods_needed", lambda replicas, weight, total: 0)


def cancelled_is_passed(patch: pytest.MonkeyPatch) -> None:
    real = steps.is_done

    def is_done(seen: Any, latch: Any, now: Any) -> bool:
        step = seen.canary.steps[latch.step]
        return True if step.analysis is not None else real(seen, latch, now)

    patch.setattr(steps, "is_done", is_done)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(carrier.Carrier, "blocking", lambda self, key: [])


def no_preconditions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(carry, "_guarded", lambda action: action.body)


def nothing_confirmed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(carrier.Carrier, "_is_confirmed", lambda self, ref: True)


def old_events_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Cache, "_is_stale", staticmethod(lambda *arguments: False))


def pauses_cut_to_seconds(patch: pytest.MonkeyPatch) -> None:
    real = steps.pause_due

    def due(seen: Any, latch: Any) -> Any:
        found = real(seen, latch)
        return found and type(found)(found.micros - found.micros % 1_000_000)

    patch.setattr(steps, "pause_due", due)


def indefinite_pauses_end(patch: pytest.MonkeyPatch) -> None:
    real = steps.pause_due

    def due(seen: Any, latch: Any) -> Any:
        found = real(seen, latch)
        return latch.pauses[0].start.plus(30) if found is None and latch.pauses else found

    patch.setattr(steps, "pause_due", due)


def skips_a_step(patch: pytest.MonkeyPatch) -> None:
    real = commands.finish_step

    def finish(seen: Any, latch: Any, *rest: Any, **more: Any) -> Turning:
        turning: Turning = real(seen, latch, *rest, **more)
        further = min(turning.latch.step + 1, len(seen.canary.steps))
        return replace(turning, latch=replace(turning.latch, step=further, pauses=(), controller_pause=False))

    patch.setattr(commands, "finish_step", finish)


def weight_ahead_of_steps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        steps,
        "weight_at",
        lambda seen, step: max((each.set_weight or 0 for each in seen.canary.steps[: step + 3]), default=0),
    )


def abort_keeps_weight(patch: pytest.MonkeyPatch) -> None:
    real = canary.reach

    def reach(seen: Any, now: int, wanted: int, canary_hash: str) -> int:
        return now if seen.latch.aborted else real(seen, now, wanted, canary_hash)

    patch.setattr(canary, "reach", reach)


def aborted_canary_goes_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sizes, "_KEEP_DELAY_S_DEFAULT", 1)


def old_version_goes_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sizes, "SCALE_DOWN_DELAY_S_DEFAULT", 1)


def stable_shrinks_with_the_weight(patch: pytest.MonkeyPatch) -> None:
    real = sizes._routed

    def size(seen: Any, phase: Any, each: Any, weight: int, now: Any) -> Any:
        wish = real(seen, phase, each, weight, now)
        return replace(wish, replicas=seen.replicas - weight * seen.replicas // 100) if each is seen.stable else wish

    patch.setattr(sizes, "_routed", size)


def stable_shrinks_ahead_of_the_weight(patch: pytest.MonkeyPatch) -> None:
    def stable(seen: Any, each: Any, weight: int) -> int:
        return int(max(1, seen.replicas - weight * seen.replicas // 100))

    patch.setattr(sizes, "_stable", stable)


def no_limit_above(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scaling.Limits, "most", property(lambda self: 2 * self.replicas))


def no_limit_below(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scaling.Limits, "least", property(lambda self: 0))


def run_names_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(runs, "rivals", lambda *arguments: ())
    real, drawn = want.runs.wanted, count()

    def wanted(seen: Any, latch: Any) -> Any:
        return [(f"{name}-{next(drawn) % 3}", analysis, step) for name, analysis, step in real(seen, latch)]

    patch.setattr(want.runs, "wanted", wanted)


def restart_all_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(restart, "at_once", lambda seen: seen.replicas)


def abort_raises_weight(patch: pytest.MonkeyPatch) -> None:
    real = canary._weight

    def weight(seen: Any, phase: Any) -> int:
        return 25 if seen.latch.aborted and seen.weight_high else real(seen, phase)

    patch.setattr(canary, "_weight", weight)


def background_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(runs, "background_run", lambda seen, latch: None)


def marks_are_written_again(patch: pytest.MonkeyPatch) -> None:
    def own_marks(seen: Any, shifted: Any) -> Any:
        body = {"metadata": {"annotations": {"rollout.argoproj.io/revision": str(seen.revision)}}}
        meta = seen.rollout["metadata"]
        yield want.Patch(seen.ref, body, meta["uid"], meta["resourceVersion"], stage=want.Stage.GROW), ()

    patch.setattr(want, "_own_marks", own_marks)


def replicas_are_ours(patch: pytest.MonkeyPatch) -> None:
    real = want._own_marks

    def own_marks(seen: Any, shifted: Any) -> Any:
        for action, told in real(seen, shifted):
            yield replace(action, body={**action.body, "spec": {"replicas": 3}}), told

    patch.setattr(want, "_own_marks", own_marks)


def services_are_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["rollouts.delivery.reconcile"], "farewell", lambda seen: Plan())


def strays_are_overlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys.modules["rollouts.delivery.gather"], "_stray", lambda *arguments: None)


def the_sides_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = routing.services_by_side
    patch.setattr(routing, "services_by_side", lambda spec, status: real(spec, {}))


MUTANTS = (
    Mutant("an abort raises the weight", abort_raises_weight, ("S20",), ("abort-and-retry",)),
    Mutant("a failed analysis is not heard", background_is_not_heard, ("S26",), ("bad-background",)),
    Mutant("the same mark is written again and again", marks_are_written_again, ("S34",)),
    Mutant("replicas are changed", replicas_are_ours, ("S35",)),
    Mutant("floor for ceil", floor_for_ceil, ("S2", "L1", "S1", "END")),
    Mutant("weight before selector", weight_before_selector, ("S8",)),
    Mutant("weight to pods that are not ready", weight_to_unready_pods, ("S1", "S2"), weather=SLOW_WATCH),
    Mutant("a cancelled or missing run counts as passed", cancelled_is_passed, ("S25",), ("judged-canary",)),
    Mutant("no fence behind our own writes", no_fence, ("S33",), weather=SLOW_WATCH),
    Mutant("no precondition in patches", no_preconditions, ("S31",)),
    Mutant("irreversible without a quorum read", nothing_confirmed, ("S33",), seeds=200),
    Mutant("old events count as news", old_events_count, (), seeds=400),
    Mutant("pauses cut to whole seconds", pauses_cut_to_seconds, ("S28",)),
    Mutant("a pause without end ends", indefinite_pauses_end, ("S28",), ("held-and-promoted",)),
    Mutant("a step is skipped", skips_a_step, ("S24",)),
    Mutant("the weight runs ahead of the steps", weight_ahead_of_steps, ("S3",)),
    Mutant("an abort keeps the weight", abort_keeps_weight, ("S21",), ("abort-and-retry",)),
    Mutant("an aborted canary goes at once", aborted_canary_goes_at_once, ("S22",), ("abort-and-retry",)),
    Mutant("the old version goes at once", old_version_goes_at_once, ("S10",)),
    Mutant("the stable version shrinks with its share", stable_shrinks_with_the_weight, ("S5",)),
    Mutant(
        "a dynamic stable version shrinks before its weight",
        stable_shrinks_ahead_of_the_weight,
        ("S5",),
        ("dynamic-stable",),
    ),
    Mutant("no router and no limit above", no_limit_above, ("S6",), ("unrouted-rolling",)),
    Mutant("no router and no limit below", no_limit_below, ("S6",), ("unrouted-rolling",)),
    Mutant("a Rollout that is gone keeps its Services", services_are_kept, ("S36",), ("delete-midway",)),
    Mutant("a restart takes all pods at once", restart_all_at_once, ("S37",), ("restart",)),
    Mutant("ping is stable for ever", the_sides_are_forgotten, ("S3", "S8"), ("ping-pong",)),
    Mutant("run names are not derived", run_names_are_not_kept, ("S27", "L1"), ("judged-canary",)),
)


def played(mutant: Mutant) -> Any:
    for name in mutant.scenarios:
        yield Run(name, mutant.weather)
    for seed in range(mutant.seeds):
        yield of_seed(seed)


def test_a_stable_version_that_lost_its_owner_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run("good-canary", faults=(Fault(What.HAND, 1500, about="3"),))
    assert play(run).problems == ()
    strays_are_overlooked(monkeypatch)

    assert "END" in {problem.law for problem in play(run).problems}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.bug)
def test_a_bug_put_in_on_purpose_is_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in SCENARIOS if mutant.seeds else map(scenario, mutant.scenarios):
        reference(one.name)  # of the sound code
    mutant.put_in(monkeypatch)

    broken = ({problem.law for problem in play(run).problems} for run in played(mutant))
    assert any(laws & set(mutant.laws or laws) for laws in broken), f"survived: {mutant.bug}"
