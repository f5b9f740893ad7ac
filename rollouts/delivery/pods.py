"""Pods, for the few matters that need them: a restart, and metadata that follows a role. Nothing else looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollouts.api.rollout import RolloutSpec
from rollouts.core.reader import Reader
from rollouts.delivery import marks
from rollouts.kit.instant import Instant
from rollouts.kube import conditions, kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod of one of the ReplicaSets. ready_since: None while it is not ready.  is_leaving: it is being removed."""

    manifest: Manifest
    name: str
    born: Instant | None
    ready_since: Instant | None
    is_leaving: bool

    def is_available(self, min_ready_s: int, now: Instant) -> bool:
        """Whether it serves, and has been ready for long enough to be counted on."""
        if self.is_leaving or self.ready_since is None:
            return False
        return self.ready_since.plus(min_ready_s) <= now


def are_needed(rollout: Manifest, spec: RolloutSpec, sets: tuple[Manifest, ...]) -> bool:
    """Whether something has to be known of single pods."""
    strategy = spec.strategy.blue_green or spec.strategy.canary
    if strategy and any(strategy.roles):
        return True
    if spec.fail_fast is not None:
        return True
    if any(marks.EPHEMERAL in obj.annotations(each) for each in sets):
        return True
    done = (rollout.get("status") or {}).get("restartedAt")
    return spec.restart_at is not None and Instant.parse(spec.restart_at) != Instant.parse(done)


def gathered(sets: tuple[Manifest, ...], reader: Reader) -> Mapping[str, tuple[PodSeen, ...]] | None:
    """The pods by the uid of their ReplicaSet; None while they are not known."""
    if not reader.knows(kinds.POD):
        return None
    return {obj.uid(each): tuple(map(pod_seen, reader.owned_by(kinds.POD, obj.uid(each)))) for each in sets}


def pod_seen(manifest: Manifest) -> PodSeen:
    """A pod as delivery reads it. One that has ended serves nobody and counts as leaving."""
    status = manifest.get("status") or {}
    ready = conditions.find(status.get("conditions"), "Ready")
    since = Instant.parse(ready.get("lastTransitionTime")) if ready.get("status") == "True" else None
    return PodSeen(
        manifest=manifest,
        name=obj.name(manifest),
        born=obj.created(manifest),
        ready_since=since,
        is_leaving=obj.is_deleting(manifest) or status.get("phase") in ("Succeeded", "Failed"),
    )
