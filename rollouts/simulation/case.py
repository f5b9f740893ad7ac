"""One commit of a controller's, as the laws look at it."""

from __future__ import annotations

from dataclasses import dataclass

from rollouts.devplane.store import Commit
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.object import controller_uid, labels, ref, uid
from rollouts.kube.ref import Manifest, Ref
from rollouts.simulation.memory import Memory
from rollouts.simulation.truth import HASH, Truth, wanted


@dataclass(frozen=True, slots=True)
class Case:
    """One commit of a controller's, and what surrounds it. since: the oldest instant its decision may rest on.

    blur_s: how far two controllers can disagree on the time, whose machines' clocks are wrong.
    """

    commit: Commit
    before: Truth
    after: Truth
    memory: Memory
    now: Instant
    since: Instant
    blur_s: float = 0.0

    def most(self, target: Manifest | None) -> int:
        """The most available pods that the controller can have known of a ReplicaSet."""
        return max(self.memory.available[uid(target)].within(self.since)) if target else 0

    def least(self, target: Manifest | None) -> int:
        """The fewest available pods of a ReplicaSet in the same time."""
        return min(self.memory.available[uid(target)].within(self.since)) if target else 0

    def shares(self, carrier: Ref) -> list[int]:
        """Every share that the canary can have had on an object of a router, as far as the controller knew."""
        return [self.after.share(weight) for weight in self.memory.weights[carrier].within(self.since)]

    @property
    def replicas(self) -> int:
        """The fewest pods that the user can have wished for, as far as the controller knew."""
        return min(self.memory.replicas[uid(self.after.rollout)].within(self.since))

    @property
    def weight(self) -> tuple[int, int] | None:
        """The canary's share on the written Ingress before and after; None for another write."""
        thing = ref(self.commit.kind, self.commit.object)
        if thing not in self.after.weights:
            return None
        return self.before.weights.get(thing, 0), self.after.weights[thing]

    @property
    def is_mending(self) -> bool:
        """Whether this write takes back a weight that a stranger gave: the state was not of our making."""
        return ref(self.commit.kind, self.commit.object) in self.memory.strange

    @property
    def scaled(self) -> tuple[str, int, int] | None:
        """Hash, wanted before and after of the written ReplicaSet, if it is the Rollout's and its wish changed."""
        if self.commit.kind != kinds.REPLICA_SET or self.commit.previous is None:
            return None
        if controller_uid(self.commit.previous) != uid(self.after.rollout):
            return None
        had = wanted(self.commit.previous)
        has = 0 if self.commit.type == "DELETED" else wanted(self.commit.object)
        return (labels(self.commit.previous).get(HASH, ""), had, has) if had != has else None

    @property
    def step(self) -> tuple[int, int] | None:
        """The step index before and after, where this write of the Rollout's status has both."""
        if self.commit.kind != kinds.ROLLOUT or self.before.step is None or self.after.step is None:
            return None
        return self.before.step, self.after.step

    @property
    def advanced(self) -> int | None:
        """The index of the step that this write leaves behind by going one further, None where it does not."""
        if self.step is None or self.step[1] != self.step[0] + 1 or self.after.status.get("promoteFull"):
            return None
        same = self.before.current == self.after.current and self.after.is_updating
        return self.step[0] if same and self.step[0] < len(self.after.steps) else None
