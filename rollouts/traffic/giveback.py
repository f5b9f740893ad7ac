"""Taking an update out of a router's object whose Rollout is gone, by the mark that it bears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rollouts.core.plan import Patch
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import inplace
from rollouts.traffic.inplace import Dialect


def named(manifest: Manifest) -> Iterator[Ref]:
    """The Rollouts whose update an object bears the mark of."""
    for key in inplace.marks_of(manifest):
        namespace, _, name = key.partition("/")
        if namespace and name:
            yield Ref(kinds.ROLLOUT, namespace, name)


def given_back(ref: Ref, manifest: Manifest, rollout: Ref, dialects: Mapping[str, Dialect]) -> Patch | None:
    """The write that leads everything to the stable Service again and takes the mark off."""
    key = f"{rollout.namespace}/{rollout.name}"
    entry = inplace.marks_of(manifest).get(key)
    if entry is None:
        return None
    dialect = dialects.get(str(entry.get("router")))
    rested = inplace.at_rest(dialect, entry, rollout.namespace, rollout.name, manifest) if dialect else None
    wanted = rested or inplace.copied(manifest)  # a mark that nobody can read is taken off all the same
    inplace.unmark(wanted, key)
    return inplace.patch_between(ref, manifest, wanted)
