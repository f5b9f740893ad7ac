"""What the cache holds packed is read as if it were not, and takes less room."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rollouts.kit.instant import Instant
from rollouts.kube.kinds import REPLICA_SET
from rollouts.kube.ref import Ref
from rollouts.shell.cache import Cache
from rollouts.shell.wire import WatchEvent

NOW = Instant(0)


def replica_set(name: str, version: int, **labels: str) -> dict[str, Any]:
    owner = {"uid": f"u-{name[0]}", "controller": True, "kind": "Rollout", "name": name[0], "apiVersion": "x/v1"}
    meta = {"name": name, "namespace": "shop", "uid": name, "generation": 1, "resourceVersion": str(version)}
    return {
        "metadata": {**meta, "labels": labels, "ownerReferences": [owner]},
        "spec": {"replicas": version, "x": None},
    }


def told(cache: Cache) -> Any:
    """All that anybody can ask a cache."""
    table = cache.table(REPLICA_SET)
    return (
        sorted(map(repr, table)),
        table.size,
        [table.owned_by(f"u-{letter}") for letter in "abc"],
        [table.select("shop", wanted) for wanted in ({}, {"l": "m"}, {"l": "n", "k": "1"})],
        [cache.get(Ref(REPLICA_SET, "shop", f"{letter}{number}")) for letter in "abc" for number in range(4)],
    )


@pytest.mark.parametrize("open_max", [0, 1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_a_cache_that_packs_tells_the_same_as_one_that_does_not(seed: int, open_max: int):
    draw = random.Random(seed)
    packing, plain = Cache(open_max=open_max), Cache()
    for version in range(1, 80):
        name = f"{draw.choice('abc')}{draw.randrange(4)}"
        body = replica_set(name, version, l=draw.choice("mn"), k=draw.choice("12"))
        if draw.random() < 0.1:
            bodies = [body, replica_set("c3", version)] if name != "c3" else [body]
            changes = [list(cache.replace(REPLICA_SET, bodies, str(version), NOW)) for cache in (packing, plain)]
        else:
            event = WatchEvent(REPLICA_SET, draw.choice(("MODIFIED", "MODIFIED", "DELETED")), body)
            changes = [cache.absorb(event) for cache in (packing, plain)]

        assert changes[0] == changes[1]
        assert told(packing) == told(plain)


def test_only_what_changed_lately_is_held_open():
    cache = Cache(open_max=2)
    for number in range(5):
        cache.absorb(WatchEvent(REPLICA_SET, "ADDED", replica_set(f"a{number}", number + 1)))
    cache.absorb(WatchEvent(REPLICA_SET, "MODIFIED", replica_set("a0", 9)))

    held = cache.table(REPLICA_SET).buckets["shop"]
    assert [name for name, each in held.items() if not isinstance(each, bytes)] == ["a0", "a4"]


def test_what_cannot_be_packed_is_kept_as_it_is():
    cache = Cache(open_max=0)
    odd = replica_set("a0", 1) | {"spec": {"x": 10**20}}
    cache.absorb(WatchEvent(REPLICA_SET, "ADDED", odd))

    assert cache.get(Ref(REPLICA_SET, "shop", "a0")) == odd
