"""What the built-in controllers share: the store, who depends on whom, and their memory of pods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rollouts.devplane.errors import ApiError
from rollouts.devplane.request import Deletion, WriteOptions
from rollouts.devplane.store import Commit, Store
from rollouts.kit.instant import Instant
from rollouts.kube.object import ref as ref_of
from rollouts.kube.ref import Kind, Manifest, Ref

MANAGER = "kube-controller-manager"
AS_MANAGER = WriteOptions(MANAGER)


@dataclass(slots=True)
class Dependents:
    """Which objects name a uid among their ownerReferences, kept up to date by the store's commits."""

    _of: dict[str, dict[Ref, None]] = field(default_factory=dict)

    def hear(self, commit: Commit) -> None:
        """Take a commit in."""
        ref = ref_of(commit.kind, commit.object)
        for uid in owner_uids(commit.previous):
            present = self._of.get(uid, {})
            present.pop(ref, None)
            if not present:
                self._of.pop(uid, None)
        if commit.type != "DELETED":
            for uid in owner_uids(commit.object):
                self._of.setdefault(uid, {})[ref] = None

    def of(self, uid: str) -> tuple[Ref, ...]:
        """The objects that depend on a uid, in the order in which they came."""
        return tuple(self._of.get(uid, ()))


def owner_uids(manifest: Manifest | None) -> tuple[str, ...]:
    """The uids of an object's owners."""
    listed = ((manifest or {}).get("metadata") or {}).get("ownerReferences") or ()
    return tuple(owner.get("uid", "") for owner in listed)


@dataclass(slots=True)
class World:
    """The cluster as a built-in controller sees it.

    bound_at: since when a pod (by uid) has its node.  pod_ready_s: how long a pod takes that says nothing of it.
    writes_as: the field manager of the controllers' writes; "" keeps no managedFields, which is faster.
    """

    store: Store
    dependents: Dependents = field(default_factory=Dependents)
    bound_at: dict[str, Instant] = field(default_factory=dict)
    pod_ready_s: float = 0.5
    addresses: int = 0
    options: WriteOptions = AS_MANAGER

    def controlled(self, kind: Kind, uid: str) -> Iterator[Manifest]:
        """The living objects of a kind whose controller has that uid, ordered by name."""
        found = []
        for ref in self.dependents.of(uid):
            if ref.kind == kind and (manifest := self.store.find(ref)) is not None:
                owners = manifest["metadata"]["ownerReferences"]
                if any(owner.get("uid") == uid and owner.get("controller") for owner in owners):
                    found.append(manifest)
        return iter(sorted(found, key=lambda manifest: str(manifest["metadata"]["name"])))

    def create(self, kind: Kind, namespace: str, body: Manifest) -> Manifest | None:
        """Create an object; None where the name is taken or the API server refuses."""
        try:
            return self.store.create(kind, namespace, body, self.options)
        except ApiError:
            return None

    def patch(self, ref: Ref, patch: Manifest, subresource: str = "") -> None:
        """Merge-patch an object; one that is gone is no loss."""
        try:
            self.store.patch(ref, patch, "merge", subresource, self.options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def delete(self, ref: Ref, uid: str) -> None:
        """Delete an object if it is still the one meant."""
        try:
            self.store.delete(ref, Deletion(uid=uid, manager=self.options.manager))
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def next_address(self) -> str:
        """An address for a new pod."""
        self.addresses += 1
        return f"10.244.{1 + self.addresses // 250 % 250}.{1 + self.addresses % 250}"
