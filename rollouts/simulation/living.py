"""Stories of single pods: restarts, budgets, roles that follow a version, and returns that need no proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.kit import amount
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.conditions import find
from rollouts.kube.object import controller_uid, created, is_deleting, uid
from rollouts.kube.ref import Manifest
from rollouts.simulation.case import Case
from rollouts.simulation.scenario import HELD, PROMOTED, RETURNED, Scenario
from rollouts.simulation.truth import wanted

ROLES: Mapping[str, Any] = {
    "canaryMetadata": {"labels": {"role": "canary"}, "annotations": {"who": "new"}},
    "stableMetadata": {"labels": {"role": "stable"}},
}
APART: Mapping[str, Any] = {"antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}

LIVES: tuple[Scenario, ...] = (
    Scenario("near-return", "Back to the version of yesterday, within the window: no step, no pause.",
        """when healthy: set image web:2
           when healthy on web:2: set image web:1
           when healthy on web:1: end""", ("healthy on web:1", "weight 0"), more={"rollbackWindow": {"revisions": 1}}),
    Scenario("restart", "A person restarts all pods, one after the other.",
        """when healthy, after 5s: restart
           when restarted: end""", ("healthy on web:1", "weight 0", "replicas 4 available")),
    Scenario("restart-midway", "A restart in the middle of an update reaches both versions.",
        """when healthy: set image web:2
           when paused at step 1, after 5s: restart
           when restarted, after 5s: promote
           when healthy on web:2: end""", PROMOTED, steps=HELD),
    Scenario("restart-budget", "A disruption budget lets no pod go; when it is lifted the restart goes on.",
        """when healthy, after 5s: budget 4
           when ready: restart
           when restarting, after 70s: lift budget
           when restarted: end""", ("healthy on web:1", "replicas 4 available")),
    Scenario("restart-and-abort", "An abort comes in the middle of a restart.",
        """when healthy: set image web:2
           when paused at step 1, after 5s: restart
           when restarting, after 2s: abort
           when aborted, after 60s: end""", RETURNED, steps=HELD),
    Scenario("rehashed-midway", "Another controller hashed the steps in its own way: the update stays where it is.",
        """when healthy: set image web:2
           when paused at step 3: rehash
           when healthy on web:2: end""", PROMOTED),
    Scenario("roles", "Pods bear the mark of their role, and change it at the promotion.",
        """when healthy: set image web:2
           when healthy on web:2, after 30s: end""", (*PROMOTED, "pods bear role stable"), extra=ROLES),
    Scenario("roles-abort", "An aborted version keeps the mark of a canary, the stable one its own.",
        """when healthy: set image web:2
           when paused at step 3: abort
           when aborted, after 60s: end""", (*RETURNED, "pods bear role stable"), extra={**ROLES, **APART}),
)  # fmt: skip


def restart_keeps_pace(case: Case) -> Iterator[str]:
    """S37: no pod is removed but one that is older than spec.restartAt, and no more at a time than may be missing."""
    if case.commit.kind != kinds.POD or case.commit.type != "DELETED":
        return
    pod, after = case.commit.object, case.after
    owners = {uid(one): one for one in after.sets.values()}
    if controller_uid(pod) not in owners:
        return
    wished = Instant.parse(after.spec.get("restartAt"))
    born = created(pod)
    if wished is None or born is None or born >= wished:
        yield f"{pod['metadata']['name']} was removed although nobody wished it"
        return
    if not _serves(pod):
        return
    pods = [one for one in after.store.all(kinds.POD) if controller_uid(one) in owners]
    missing = sum(map(wanted, owners.values())) - sum(map(_serves, pods))
    strategy = after.spec["strategy"].get("canary") or after.spec["strategy"].get("blueGreen") or {}
    most = max(1, amount.resolve_down(strategy.get("maxUnavailable", "25%"), after.replicas))
    if missing > most:
        yield f"{missing} pods are missing, {most} may be"


def _serves(pod: Manifest) -> bool:
    ready = find((pod.get("status") or {}).get("conditions"), "Ready")
    return ready.get("status") == "True" and not is_deleting(pod)
