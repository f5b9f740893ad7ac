"""The end of an Application: with its finalizer, what it applied goes too, wave by wave, the last one first."""

from __future__ import annotations

from collections.abc import Sequence

from rollouts.core.plan import Action, Note, Patch, Plan
from rollouts.gitops import farewell, notes, report, tracking
from rollouts.gitops.hooks import FINALIZER, Phase, wave_or_zero
from rollouts.gitops.inventory import Item
from rollouts.gitops.keys import Key
from rollouts.gitops.options import of_object, parse
from rollouts.gitops.seen import POST_DELETE, PRE_DELETE, AppSeen
from rollouts.gitops.sync.attempt import APPROVED
from rollouts.gitops.sync.writes import deletion, release
from rollouts.kit.instant import Instant
from rollouts.kube import object as kube
from rollouts.kube.kinds import APPLICATION, CRD
from rollouts.kube.ref import Manifest, Ref

CASCADE = "resources-finalizer.argocd.argoproj.io"
OURS = (
    CASCADE,
    PRE_DELETE,
    POST_DELETE,
)
BATCH_MAX = 40
LOOK_AGAIN_S = 30.0


def depart(seen: AppSeen, now: Instant) -> Plan:
    """The next step of taking leave of an Application that is being deleted."""
    finalizers = [str(each) for each in seen.manifest["metadata"].get("finalizers") or ()]
    mine = [each for each in finalizers if each.startswith(OURS)]
    if not mine:
        return Plan(rule="ApplicationGoes")
    if seen.nobody:
        return _hindered(seen, seen.nobody, now, rule="NobodyMayDelete")
    if plan := farewell.hooked(seen, Phase.PRE_DELETE, now):
        return plan
    cascades = [each for each in mine if each.startswith(CASCADE)]
    # Without a cluster or a project nobody can say what may be removed: the objects stay.
    if not cascades or seen.cluster is None or seen.project is None:
        return farewell.hooked(seen, Phase.POST_DELETE, now) or _let_go(seen, finalizers)
    if seen.unknown:
        return Plan(wake=now.plus(LOOK_AGAIN_S), rule="KindsUnheard")
    doomed = [item for item in seen.inventory if _is_doomed(item, seen)]
    if not doomed:
        return farewell.hooked(seen, Phase.POST_DELETE, now) or _let_go(seen, finalizers)
    if _waits_for_approval(doomed, seen):
        return Plan(wake=now.plus(LOOK_AGAIN_S), rule="DeletionUnconfirmed")
    last = max(_wave(item, seen) for item in doomed)
    group = [item for item in doomed if _wave(item, seen) == last][:BATCH_MAX]
    # Told once, then tried again at the pace of refused writes: a turn that wants nothing would forget the refusal.
    said = next((f"{ref}: {why}" for ref, why in seen.refused.items()), "")
    if said and (complaint := _hindered(seen, said, now, rule="DeletionRefused")).status:
        return complaint
    propagation = "background" if cascades[0].endswith("/background") else "foreground"
    actions, told = _deletions(group, seen, propagation)
    return Plan(actions=tuple(actions), notes=tuple(told), wake=now.plus(LOOK_AGAIN_S), rule="ObjectsGo")


def _hindered(seen: AppSeen, why: str, now: Instant, *, rule: str) -> Plan:
    """Say what stands in the way."""
    status = report.unknown(seen, [("DeletionError", why)], now)
    return Plan(status=report.patch(seen, status), wake=now.plus(LOOK_AGAIN_S), rule=rule)


def _let_go(seen: AppSeen, finalizers: Sequence[str]) -> Plan:
    left = [each for each in finalizers if not each.startswith(OURS)]
    change = {"metadata": {"finalizers": left or None}}
    patch = Patch(seen.ref, change, uid=seen.uid, version=kube.version(seen.manifest))
    return Plan(latch=patch, rule="FinalizersGo")


def _is_doomed(item: Item, seen: AppSeen) -> bool:
    """Whether an object goes with its Application: it is its own, permitted, and nothing says that it is to stay."""
    live = seen.live.get(item.key)
    if live is None or item.kind_now is None or not tracking.is_ours(live, item.key, seen.app):
        return False
    if (item.key.group, item.key.kind) == (CRD.group, CRD.name):
        return False
    if item.kind_now == APPLICATION and item.key.name == seen.ref.name and item.key.namespace == seen.ref.namespace:
        return False
    if _word(live, seen) == "false" or item.key in _farewell_hooks(seen):
        return False
    assert seen.project is not None and seen.cluster is not None
    return not seen.project.object_problem(item.key, seen.cluster, namespaced=item.kind_now.namespaced)


def _farewell_hooks(seen: AppSeen) -> frozenset[Key]:
    """The hooks of the end itself, which have an order of their own."""
    objects = seen.desired.objects if seen.desired else ()
    return frozenset(each.key for each in objects if {Phase.PRE_DELETE, Phase.POST_DELETE} & set(each.phases))


def _waits_for_approval(doomed: Sequence[Item], seen: AppSeen) -> bool:
    if not any(_word(seen.live[item.key], seen) == "confirm" for item in doomed):
        return False
    approved = Instant.parse(kube.annotations(seen.manifest).get(APPROVED))
    began = Instant.parse(seen.manifest["metadata"].get("deletionTimestamp"))
    return approved is None or began is None or approved < began


def _word(live: Manifest, seen: AppSeen) -> str:
    policy = seen.spec.sync_policy if seen.spec else None
    base = parse(policy.sync_options) if policy else parse(())
    return of_object(live).over(base).word("Delete").lower()


def _wave(item: Item, seen: AppSeen) -> int:
    return wave_or_zero(seen.live[item.key])


def _deletions(group: Sequence[Item], seen: AppSeen, propagation: str) -> tuple[list[Action], list[Note]]:
    """The removals of one wave; those that are under way are waited for. A hook that we hold is let go first."""
    actions: list[Action] = []
    told: list[Note] = []
    for item in group:
        live = seen.live[item.key]
        if item.kind_now is None:
            continue
        ref = Ref(item.kind_now, item.key.namespace, item.key.name)
        if FINALIZER in (live["metadata"].get("finalizers") or ()):
            actions.append(release(ref, live))
            continue
        if kube.is_deleting(live):
            continue
        actions.append(deletion(ref, live, propagation))
        told.append(notes.pruned(seen, str(item.key)))
    return actions, told
