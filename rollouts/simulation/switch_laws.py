"""The laws of a switch: when a version may take all the traffic at once, and when it has proved itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.object import controller_uid, labels, uid
from rollouts.simulation.case import Case
from rollouts.simulation.truth import HASH, Truth, wanted


def switch_is_released(case: Case) -> Iterator[str]:
    """B1: the active Service turns to a new version only once the status says that it is released."""
    after = case.after
    if case.commit.kind != kinds.SERVICE or not after.is_blue_green or not after.is_updating:
        return
    old, new = case.before.service_hash("stableService"), after.service_hash("stableService")
    if old == new or new != after.current:
        return
    if not _is_released(after):
        yield f"the active Service turns to {new}, which was not released"
    since = case.memory.abort_since.get(uid(after.rollout))
    if since is not None and since < case.since:
        yield f"the active Service turns to {new} after the abort"


def release_is_earned(case: Case) -> Iterator[str]:
    """B2: a version is released only by its own analysis, unless it has proved itself before or is in use already."""
    before, after = case.before, case.after
    if case.commit.kind != kinds.ROLLOUT or not after.is_blue_green or not after.is_updating or not after.replicas:
        return
    is_new = _is_released(after) and not (_is_released(before) and before.current == after.current)
    if not is_new or after.status.get("promoteFull"):
        return
    own = after.sets.get(after.current)
    is_up = own is not None and wanted(own) > 0 and "scale-down-deadline" in obj.annotations(own)
    if before.service_hash("stableService") == after.current or (is_up and before.current != after.current):
        return
    if after.status.get("pauseConditions"):
        yield "released in the middle of a pause"
    if after.canary.get("prePromotionAnalysis") and not _has_passed(after, "PrePromotion"):
        yield "released without a Successful run before the switch"


def promotion_is_earned(case: Case) -> Iterator[str]:
    """B3: the stable version changes only to what is active, and has passed the analysis after the switch."""
    before, after = case.before, case.after
    if case.commit.kind != kinds.ROLLOUT or not after.is_blue_green or not before.stable:
        return
    if before.stable == after.stable or not after.replicas:
        return
    if after.service_hash("stableService") != after.stable:
        yield f"{after.stable} is called stable although it is not active"
    is_judged = after.canary.get("postPromotionAnalysis") and not before.status.get("promoteFull")
    if is_judged and not _has_passed(after, "PostPromotion"):
        yield f"{after.stable} is called stable without a Successful run after the switch"


def _is_released(stands: Truth) -> bool:
    told: dict[str, Any] = stands.status.get("blueGreen") or {}
    return bool(told.get("scaleUpPreviewCheckPoint") or stands.status.get("promoteFull"))


def _has_passed(stands: Truth, kind: str) -> bool:
    return any(
        (run.get("status") or {}).get("phase") == "Successful"
        for run in stands.store.all(kinds.ANALYSIS_RUN)
        if controller_uid(run) == uid(stands.rollout)
        and (labels(run).get(HASH), labels(run).get("rollout-type")) == (stands.current, kind)
    )
