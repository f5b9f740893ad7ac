"""Bugs of old caches, lost answers and second leaders: the stories in which they were seen, told again with the cause.

Numbers behind a # are those of issues of argoproj/argo-rollouts. Every write of a run is checked against the laws, so
that a step that is skipped, an analysis that is made twice or a weight that leads to nobody ends the test.
"""

from __future__ import annotations

from itertools import cycle

import pytest

from rollouts.simulation.faults import ANSWERS, CALM, Fault, Weather, What
from rollouts.simulation.routed import SETTINGS
from rollouts.simulation.runner import Run, play, reference
from rollouts.simulation.world import Outcome

COMMANDED = ("held-and-promoted", "promote-full", "manual-pause", "abort-and-retry", "retry-at-once")
JUDGED = ("judged-canary", "inconclusive-promoted", "revision-while-judged", "abort-while-judged")
CHANGED = ("scale-and-image", "scale-up-midway", "new-revision-midway", "steps-change-midway", "revert-midway")
OVERTAKEN = ("new-revision-midway", "dynamic-revision", *(f"overtaken-{router}" for router in SETTINGS))


def told(outcome: Outcome) -> str:
    """What broke a law, with the story that led there; nothing where none did."""
    return "\n".join([*outcome.story, *map(str, outcome.problems)]) if outcome.problems else ""


@pytest.mark.parametrize("lag_s", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("name", COMMANDED)
def test_no_promotion_is_lost_and_no_pause_begins_twice_while_the_cache_is_old(name: str, lag_s: float) -> None:
    """#720, #726, #4694, #4784, #4804: an old Rollout brought back a pause that was over, or undid a promotion."""
    assert told(play(Run(name, Weather(lag_default_s=lag_s)))) == ""


@pytest.mark.parametrize("lag_s", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("name", JUDGED)
def test_no_analysis_is_made_twice_while_the_cache_is_old(name: str, lag_s: float) -> None:
    """#4786, #4842: a run that the cache did not show yet was made again, or its step was skipped."""
    lags = {"AnalysisRun": lag_s, "Rollout": 0.05}

    assert told(play(Run(name, Weather(lag_s=lags)))) == ""


@pytest.mark.parametrize("kind", ["Rollout", "ReplicaSet", "Service", "Ingress"])
@pytest.mark.parametrize("name", ["abort-and-retry", "new-revision-midway"])
def test_one_watch_that_lags_behind_the_others_stops_nothing(name: str, kind: str) -> None:
    """#3316, #4294, #5052: an update waited for the next resync after it had met an old object."""
    assert told(play(Run(name, Weather(lag_s={kind: 3.0})))) == ""


@pytest.mark.parametrize("name", CHANGED)
def test_every_call_may_fail_once_and_the_update_still_ends(name: str) -> None:
    """#2522, #3080, #3272, #3316: after one conflict or error the update stood still until somebody touched it."""
    calls = range(1, reference(name).size.calls + 1)
    faults = (Fault(what, call, 2.0 if what is What.THROTTLED else 0.0) for call, what in zip(calls, cycle(ANSWERS)))
    failed = [f"{name}: {fault}" for fault in faults if play(Run(name, CALM, (fault,))).problems]

    assert failed == []


@pytest.mark.parametrize("name", ["canary-dies", "scale-down-midway"])
def test_a_count_of_pods_that_comes_late_or_twice_stops_nothing(name: str) -> None:
    """#2689, #3200, #3354, #3988: a ReplicaSet event that came late left the update Progressing for ever."""
    events = range(1, reference(name).size.events + 1)
    faults = (Fault(what, at, 3.0) for at, what in zip(events, cycle((What.LATE, What.TWICE))))
    failed = [f"{name}: {fault}" for fault in faults if play(Run(name, CALM, (fault,))).problems]

    assert failed == []


@pytest.mark.parametrize("name", OVERTAKEN)
@pytest.mark.parametrize("lag_s", [0.002, 1.0])
def test_a_third_version_is_never_led_to_the_second_ones_missing_pods(name: str, lag_s: float) -> None:
    """#4390, #4560, #4564, #4612, #4639: a router's weight or subset pointed at pods that were gone, or not there."""
    assert told(play(Run(name, Weather(lag_default_s=lag_s, pod_ready_s=3.0)))) == ""


@pytest.mark.parametrize("at_s", [3, 8, 20, 40])
@pytest.mark.parametrize("name", ["good-canary", "abort-and-retry", "judged-canary"])
def test_a_leader_that_wakes_up_after_its_time_writes_nothing(name: str, at_s: int) -> None:
    """#2117: the former leader went on beside the new one."""
    asleep = Fault(What.FREEZE, at_s * 1000, 40.0)

    assert told(play(Run(name, Weather(standby=True), (asleep,)))) == ""
