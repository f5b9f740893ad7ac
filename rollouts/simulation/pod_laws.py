"""The laws of how many pods stand, and for how long those stay that nobody needs."""

from __future__ import annotations

from collections.abc import Iterator

from rollouts.kube import kinds
from rollouts.kube.object import uid
from rollouts.simulation.case import Case
from rollouts.simulation.truth import need, wanted

DELAY_DEFAULT_S = 30.0


def stable_stays_whole(case: Case) -> Iterator[str]:
    """S5: beside a router the stable version keeps all pods that the user wishes, or those that its share needs."""
    after = case.after
    if not after.is_routed or not case.scaled or case.scaled[0] != after.stable:
        return
    weights = (weight for ingress in after.weights for weight in case.shares(ingress))
    share = after.total - max(weights, default=0) if after.is_dynamic else after.total
    least = need(case.replicas, share, after.total)
    if case.scaled[2] < min(case.scaled[1], least):
        yield f"the stable version goes from {case.scaled[1]} to {case.scaled[2]} pods of {least}"


def ratio_keeps_limits(case: Case) -> Iterator[str]:
    """S6: without a router no more pods are asked for than maxSurge allows, and none is taken that is needed."""
    after = case.after
    if case.commit.kind != kinds.REPLICA_SET or after.is_routed or not after.canary or not after.replicas:
        return
    wishes = case.memory.replicas[uid(after.rollout)].within(case.since)
    asked, had = (sum(map(wanted, truth.sets.values())) for truth in (after, case.before))
    most = max(after.limits(wish)[0] for wish in wishes)
    if asked > max(had, most):
        yield f"{asked} pods asked for, of {most}"
    if case.scaled and case.scaled[2] < case.scaled[1]:
        hit = case.before.sets[case.scaled[0]]
        others = sum(min(case.most(one), wanted(one)) for hash_value, one in after.sets.items() if one != hit
                     and hash_value != case.scaled[0])  # fmt: skip
        left, least = min(case.most(hit), case.scaled[2]), min(after.limits(wish)[1] for wish in wishes)
        if left < case.least(hit) and others + left < least:
            yield f"{case.scaled[0]} goes to {case.scaled[2]} pods, which leaves {others + left} of {least}"


def old_version_lingers(case: Case) -> Iterator[str]:
    """S10: the former stable version keeps its pods for the scale-down delay after the last traffic left it."""
    if not case.scaled or case.scaled[2] > 0 or case.replicas == 0 or case.scaled[0] != case.memory.former_stable:
        return
    if not case.after.is_routed or "scaleDownDelayRevisionLimit" in case.after.canary:
        return
    left = case.memory.left.get(case.scaled[0])
    delay_s = case.after.canary.get("scaleDownDelaySeconds")
    delay_s = DELAY_DEFAULT_S if delay_s is None else float(delay_s)
    if left is not None and case.now.since(left) < delay_s - case.blur_s:
        yield f"{case.scaled[0]} goes to 0 pods {case.now.since(left):.3f} s after it left the stable Service"


def aborted_canary_lingers(case: Case) -> Iterator[str]:
    """S22: an aborted canary keeps its pods for the abort's delay; 0 means for ever."""
    after = case.after
    if not case.scaled or case.scaled[2] > 0 or case.replicas == 0:
        return
    if not (after.aborted and after.is_updating and after.is_routed and case.scaled[0] == after.current):
        return
    delay_s = after.canary.get("abortScaleDownDelaySeconds")
    if delay_s is None and after.is_dynamic:
        return  # the pods leave with their traffic
    delay_s = DELAY_DEFAULT_S if delay_s is None else float(delay_s)
    own = uid(after.rollout)
    dark = max(case.memory.dark_since.get(own, case.now), case.memory.abort_since.get(own, case.now))
    if delay_s == 0:
        yield "an aborted canary goes to 0 pods although it was to be kept"
    elif case.now.since(dark) < delay_s - case.blur_s:
        yield f"an aborted canary goes to 0 pods {case.now.since(dark):.3f} s after its weight went"
