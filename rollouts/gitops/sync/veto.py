"""What stops a sync: each reason has a name, and says it to whoever looks at the application.

A hold passes by itself and the sync goes on; a refusal ends it. A rollout that must finish first, or a commit that is
held back, is one more row of these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from rollouts.gitops import judged
from rollouts.gitops.compared import said_shared
from rollouts.gitops.comparison import Comparison
from rollouts.gitops.operation import HELD, Running
from rollouts.gitops.seen import AppSeen
from rollouts.gitops.sync.attempt import Attempt
from rollouts.gitops.windows import Verdict
from rollouts.kit.instant import Instant

MASS_MIN, MASS_SHARE = 20, 0.3


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a sync stands still. until: when to look again, where that is known."""

    reason: str
    until: Instant | None = None


HoldRule: TypeAlias = Callable[[AppSeen, Running, Verdict], Hold | None]
RefusalRule: TypeAlias = Callable[[AppSeen, Running, Comparison, Attempt], str]


def hold(seen: AppSeen, running: Running, verdict: Verdict) -> Hold | None:
    """The first reason for which a sync under way must wait."""
    return next((found for rule in HOLDS if (found := rule(seen, running, verdict))), None)


def refusal(seen: AppSeen, running: Running, comparison: Comparison, tried: Attempt) -> str:
    """The first reason for which a sync must not begin to write, "" where there is none."""
    return next((said for rule in REFUSALS if (said := rule(seen, running, comparison, tried))), "")


def _window_shut(seen: AppSeen, running: Running, verdict: Verdict) -> Hold | None:
    if verdict.allows(is_automated=running.is_automated) or (running.rows and verdict.overrun):
        return None
    return Hold(f"{HELD}: {verdict.reason}", verdict.changes_at)


def _shared(seen: AppSeen, running: Running, comparison: Comparison, tried: Attempt) -> str:
    if seen.place is None or not seen.place.options.is_on("FailOnSharedResource") or not seen.shared:
        return ""
    return f"Shared resource found: {said_shared(seen, sorted(seen.shared)[0])}"


def _empty(seen: AppSeen, running: Running, comparison: Comparison, tried: Attempt) -> str:
    if not any(task.is_prune and task.result is None for task in tried.sync.tasks):
        return ""
    if any(row.wanted for row in comparison.rows):
        return ""
    policy = seen.spec.sync_policy if seen.spec else None
    if policy and policy.automated and policy.automated.allow_empty:
        return ""
    return "the render has no object, and pruning would remove everything: set allowEmpty if that is meant"


def _mass_prune(seen: AppSeen, running: Running, comparison: Comparison, tried: Attempt) -> str:
    """An automated sync that would remove a great part of an application waits for a person."""
    prunes = sum(task.is_prune and task.result is None for task in tried.sync.tasks)
    limit = max(MASS_MIN, MASS_SHARE * len(comparison.rows))
    if not running.is_automated or prunes <= limit:
        return ""
    many = f"{prunes} of {len(comparison.rows)} objects"
    return f"{many} would be pruned, which a person must confirm: sync with prune by hand"


def _invalid(seen: AppSeen, running: Running, comparison: Comparison, tried: Attempt) -> str:
    """What a controller would refuse is not brought to it: half of a commit is worse than none of it."""
    tasks = (task for task in tried.sync.tasks if not task.is_prune and task.result is None and task.differs)
    return judged.refusal(seen.judged, {task.key for task in tasks})


HOLDS: tuple[HoldRule, ...] = (_window_shut,)
REFUSALS: tuple[RefusalRule, ...] = (_invalid, _shared, _empty, _mass_prune)
