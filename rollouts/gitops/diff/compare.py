"""What git says against what is there: path by path, with who wrote the live value last and when.

Git speaks of the fields that it names; defaults, status and other people's fields are none of its business. A field
that git no longer names counts only if it was ours: our manager owns it, or a client-side apply of ours wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollouts.gitops.diff.normalize import is_nothing, is_same, normalized
from rollouts.gitops.tracking import ANNOTATION, SYNC_ID
from rollouts.kit.parts import part
from rollouts.kube import managed
from rollouts.kube.managed import Entry, Path
from rollouts.kube.ref import Manifest

MANAGER = "argocd-controller"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
DEPTH_MAX = 100
CHANGES_MAX = 200
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "absent", "__bool__": lambda self: False})()
"""Stands for a value that is not there; None is a value of JSON."""

_BY_NAME = ("name",)
_KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    **dict.fromkeys(("containers", "initContainers", "ephemeralContainers", "volumes", "env", "webhooks"), (_BY_NAME,)),
    **dict.fromkeys(("imagePullSecrets", "secrets", "claims", "schedulingGates"), (_BY_NAME,)),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "hostAliases": (("ip",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "ownerReferences": (("uid",),),
}
"""How the built-in kinds merge their lists, by the field's name, where field ownership does not tell."""
_BUILT_IN_GROUPS = frozenset({"", "apps", "batch", "autoscaling", "policy"})
_PROTOCOL = {"protocol": "TCP"}


@dataclass(frozen=True, slots=True)
class Change:
    """One place where the cluster differs. git, live: ABSENT where that side has nothing.

    manager, time: who wrote the live value last, as far as field ownership tells.
    """

    path: Path
    git: Any
    live: Any
    manager: str = ""
    time: str = ""

    @property
    def pointer(self) -> str:
        """The path as people write it: `spec.template.spec.containers[name=web].image`."""
        text = ""
        for step in self.path:
            if isinstance(step, tuple):
                text += f"[{','.join(f'{name}={value}' for name, value in step)}]"
            elif isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f".{step}" if text else step
        return text


@dataclass(slots=True)
class _Walk:
    """One comparison under way."""

    owners: Sequence[Entry]
    group: str
    found: list[Change] = field(default_factory=list)

    def tell(self, path: Path, git: Any, live: Any) -> None:
        if len(self.found) < CHANGES_MAX:
            owner = managed.last_owner(self.owners, path)
            self.found.append(Change(path, git, live, owner.manager if owner else "", owner.time if owner else ""))

    def keys(self, path: Path, items: Sequence[Any]) -> tuple[str, ...]:
        """By which fields the items of a list are told apart; empty where the list counts as a whole."""
        if found := managed.merge_keys(self.owners, path):
            return found
        return list_keys(self.group, path, items)


def changes(wanted: Manifest, live: Manifest) -> tuple[Change, ...]:
    """Every place where a live object is not what git says; both sides after the ignore rules."""
    group = str(wanted.get("apiVersion", "")).rpartition("/")[0]
    owners = managed.entries(live)
    walk = _Walk(owners, group)
    git = normalized(wanted)
    _map(walk, {name: part for name, part in git.items() if name not in ("apiVersion", "kind")}, live, ())
    for path in _dropped(git, live, walk):
        value = _value(live, path)
        if value is not ABSENT and not is_nothing(value):
            walk.tell(path, ABSENT, value)
    return tuple(walk.found)


def _map(walk: _Walk, git: Mapping[str, Any], live: Any, path: Path) -> None:
    there = live if isinstance(live, Mapping) else {}
    for name, value in git.items():
        _any(walk, value, there.get(name, ABSENT), (*path, name))


def _any(walk: _Walk, git: Any, live: Any, path: Path) -> None:
    if git is None or path == ("metadata", "annotations", LAST_APPLIED):
        return
    if live is ABSENT or live is None:
        if not is_nothing(git):
            walk.tell(path, git, ABSENT)
    elif len(path) > DEPTH_MAX:
        if git != live:
            walk.tell(path, git, live)
    elif isinstance(git, Mapping) and isinstance(live, Mapping):
        _map(walk, git, live, path)
    elif isinstance(git, list) and isinstance(live, list):
        _list(walk, git, live, path)
    elif not is_same(git, live, path):
        walk.tell(path, git, live)


def _list(walk: _Walk, git: list[Any], live: list[Any], path: Path) -> None:
    if managed.is_set(walk.owners, path):
        missing = [item for item in git if item not in live]
        ours = [item for owner in _ours(walk.owners) for item in managed.set_items(owner, path)]
        dropped = [item for item in live if item in ours and item not in git]
        if missing or dropped:
            walk.tell(path, missing or ABSENT, dropped or ABSENT)
        return
    names = walk.keys(path, [*git, *live])
    there = {identity(item, names): item for item in live}
    if not names or len(there) < len(live) or len({identity(item, names) for item in git}) < len(git):
        _in_order(walk, git, live, path)  # items that nothing tells apart
        return
    for item in git:
        who = identity(item, names)
        _any(walk, item, there.get(who, ABSENT), (*path, who))


def _in_order(walk: _Walk, git: list[Any], live: list[Any], path: Path) -> None:
    if len(git) != len(live):
        walk.tell(path, git, live)
        return
    for index, (one, other) in enumerate(zip(git, live, strict=True)):
        _any(walk, one, other, (*path, index))


def list_keys(group: str, path: Path, items: Sequence[Any]) -> tuple[str, ...]:
    """By which fields a built-in kind tells the items of a list apart; empty where the list counts as a whole."""
    is_built_in = group in _BUILT_IN_GROUPS or group.endswith(".k8s.io")
    if not is_built_in or not path or not isinstance(path[-1], str):
        return ()
    for names in _KEYS.get(path[-1], ()):
        if all(isinstance(item, Mapping) and names[0] in item for item in items):
            return names
    return ()


def identity(item: Any, names: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    """Who an item of a list is, by the fields that tell."""
    values = part(item)
    found = ((name, values.get(name, _PROTOCOL.get(name))) for name in sorted(names))
    return tuple((name, repr(value) if isinstance(value, list | dict) else value) for name, value in found)


# What was ours, and is no longer in git.


def _dropped(git: Manifest, live: Manifest, walk: _Walk) -> Iterator[Path]:
    """The fields that we set and git does not name any more."""
    told: set[Path] = set()
    owned = (path for entry in _ours(walk.owners) for path in entry.leaves())
    for path in (*owned, *_applied(live, walk)):
        if path[0] in ("status", "apiVersion", "kind") or path[:3] == ("metadata", "annotations", LAST_APPLIED):
            continue
        if path[:3] in (("metadata", "annotations", ANNOTATION), ("metadata", "annotations", SYNC_ID)):
            continue
        missing = _first_missing(git, path)
        if missing is not None and missing not in told:
            told.add(missing)
            yield missing


def _ours(owners: Sequence[Entry]) -> Iterator[Entry]:
    return (each for each in owners if each.manager == MANAGER and each.operation == "Apply" and not each.subresource)


def _applied(live: Manifest, walk: _Walk) -> Iterator[Path]:
    text = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        applied = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        applied = None
    if isinstance(applied, Mapping):
        yield from _names(walk, normalized({"metadata": {}, **applied}), ())


def _names(walk: _Walk, value: Any, at: Path) -> Iterator[Path]:
    """Every field below a value that holds no others; a list whose items nothing tells apart counts as a whole."""
    if isinstance(value, Mapping) and value and len(at) < DEPTH_MAX:
        for name, inner in value.items():
            yield from _names(walk, inner, (*at, name))
    elif isinstance(value, list) and len(at) < DEPTH_MAX and (names := walk.keys(at, value)):
        for item in value:
            yield from _names(walk, item, (*at, identity(item, names)))
    elif value is not None:
        yield at


def _first_missing(git: Any, path: Path) -> Path | None:
    """The shortest beginning of a path that git does not have; None where it has all of it."""
    here = git
    for length, step in enumerate(path, 1):
        here = _step(here, step)
        if here is ABSENT or here is None:
            return path[:length]
    return None


def _value(live: Any, path: Path) -> Any:
    here = live
    for step in path:
        here = _step(here, step)
        if here is ABSENT:
            return ABSENT
    return here


def _step(here: Any, step: Any) -> Any:
    if isinstance(step, str):
        return here.get(step, ABSENT) if isinstance(here, Mapping) else ABSENT
    if not isinstance(here, list):
        return ABSENT
    if isinstance(step, int):
        return here[step] if step < len(here) else ABSENT
    names = tuple(name for name, _ in step)
    return next((item for item in here if identity(item, names) == step), ABSENT)
