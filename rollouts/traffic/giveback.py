"""Taking an update out of a router's object whose Rollout is gone, by the mark that it bears."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from rollouts.core.plan import Patch
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import inplace
from rollouts.traffic.inplace import Dialect
from rollouts.traffic.route import Split, Traffic


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
    wanted: dict[str, Any] = inplace.copied(manifest)
    if dialect := dialects.get(str(entry.get("router"))):
        with suppress(KeyError, TypeError, ValueError):  # a mark that nobody can read is taken off all the same
            settings, traffic = dialect.settings(entry.get("settings") or {}), _traffic(rollout, entry)
            if not dialect.read(settings, traffic, manifest).refusal:
                wanted = dialect.edit(settings, traffic, wanted, Split(0, traffic.total))
    inplace.unmark(wanted, key)
    return inplace.patch_between(ref, manifest, wanted)


def _traffic(rollout: Ref, entry: Mapping[str, Any]) -> Traffic:
    return Traffic(
        rollout.namespace,
        rollout.name,
        {"uid": ""},
        str(entry["canary"]),
        str(entry["stable"]),
        int(entry.get("total") or 100),
        tuple(map(str, entry.get("managed") or ())),
        tuple(map(str, entry.get("beside") or ())),
    )
