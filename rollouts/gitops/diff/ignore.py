"""Fields whose differences do not count: what the user says, and what controllers are there to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rollouts.api.application import IgnoreDifference
from rollouts.gitops import tracking
from rollouts.gitops.diff import jqpath
from rollouts.gitops.diff.compare import identity, list_keys
from rollouts.gitops.keys import Key
from rollouts.kit import glob
from rollouts.kit.jsonpatch import JsonPatchError, tokens
from rollouts.kit.parts import part
from rollouts.kube import managed
from rollouts.kube.ref import Manifest

Place: TypeAlias = managed.Path
"""Items of lists by what tells them apart, where that is known: git and the cluster may have them in another order."""

OUR_CONTROLLER = "rollouts-controller"
HASH_LABEL = "rollouts-pod-template-hash"


@dataclass(frozen=True, slots=True)
class Rule:
    """Places of some objects that do not count. managers: every field that these own, but in objects of except_kind."""

    group: str
    kind: str
    name: str
    namespace: str
    pointers: tuple[Place, ...] = ()
    paths: tuple[Any, ...] = ()
    managers: tuple[str, ...] = ()
    except_kind: str = ""

    def is_for(self, key: Key) -> bool:
        """Whether the rule speaks of an object; a name or namespace that is not given means any."""
        return (
            glob.matches(self.group, key.group)
            and glob.matches(self.kind, key.kind)
            and key.kind != self.except_kind
            and self.name in ("", key.name)
            and self.namespace in ("", key.namespace)
        )


def read(rules: Iterable[IgnoreDifference]) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The user's rules, and what is wrong with those that cannot be read."""
    found, wrong = [], []
    for index, rule in enumerate(rules):
        try:
            pointers = tuple(tuple(tokens(each)) for each in rule.json_pointers)
            paths = tuple(jqpath.compile_path(each) for each in rule.jq_path_expressions)
        except (JsonPatchError, jqpath.JqPathError) as error:
            wrong.append(f"spec.ignoreDifferences[{index}]: {error}")
            continue
        found.append(
            Rule(rule.group, rule.kind, rule.name, rule.namespace, pointers, paths, rule.managed_fields_managers)
        )
    return tuple(found), tuple(wrong)


def of_controllers(autoscalers: Iterable[Manifest], rollouts: Iterable[Manifest]) -> tuple[Rule, ...]:
    """Replicas that an autoscaler or a Rollout's workloadRef decides about, and all that our own controller writes.

    Git may name a number to start from; after that, setting it back would take capacity away under load.
    """
    # A selector is owned as a whole, though our controller adds only a word to it: git's own words stay git's.
    rules = [
        Rule("*", "*", "", "", managers=(OUR_CONTROLLER,), except_kind="Service"),
        Rule("", "Service", "", "", (("spec", "selector", HASH_LABEL),)),
    ]
    for scaler in autoscalers:
        rules.append(_replicas_of((scaler.get("spec") or {}).get("scaleTargetRef"), scaler))
    for rollout in rollouts:
        if reference := (rollout.get("spec") or {}).get("workloadRef"):
            rules.append(_replicas_of(reference, rollout))
    return tuple(rule for rule in rules if rule.kind)


def _replicas_of(reference: Any, holder: Manifest) -> Rule:
    target = part(reference)
    group = str(target.get("apiVersion", "")).rpartition("/")[0]
    namespace = str(holder["metadata"].get("namespace") or "")
    return Rule(group, str(target.get("kind", "")), str(target.get("name", "")), namespace, (("spec", "replicas"),))


def ignored(rules: Sequence[Rule], key: Key, wanted: Manifest, live: Manifest) -> tuple[Place, ...]:
    """The places of one object that do not count."""
    mine = [rule for rule in rules if rule.is_for(key)]
    found: dict[Place, None] = {}
    for rule in mine:
        found.update(dict.fromkeys(rule.pointers))
        for path in rule.paths:
            for value in (wanted, live):
                found.update(dict.fromkeys(_by_name(place, value, key.group) for place in _safe_places(path, value)))
        if rule.managers:
            found.update(dict.fromkeys(_owned(rule.managers, wanted, live)))
    return tuple(place for place in found if place)


def without(value: Any, places: Iterable[Place]) -> Any:
    """The value without what stands at the places."""
    # Later members first: taking one out of a list must not move the others.
    for place in sorted(places, key=lambda each: [(isinstance(step, int), str(step).zfill(9)) for step in each])[::-1]:
        value = _cut(value, place)
    return value


def restored(wanted: Any, live: Any, places: Iterable[Place]) -> Any:
    """The wanted value with the live one's word at the places, where there is one."""
    for place in places:
        wanted = _restored(wanted, live, place)
    return wanted


def _safe_places(path: Any, value: Any) -> tuple[jqpath.Path, ...]:
    try:
        return jqpath.places(path, value)
    except jqpath.JqPathError:
        return ()


def _by_name(place: jqpath.Path, value: Any, group: str) -> Place:
    """A place with names for the items of lists: by the fields that a built-in kind has for it, else by `name`."""
    found: list[managed.Step] = []
    for step in place:
        named: managed.Step = step
        if isinstance(step, int) and isinstance(value, list):
            names = list_keys(group, tuple(found), value) or ("name",)
            every = [identity(item, names) for item in value]
            named = every[step] if len(set(every)) == len(every) else step
        found.append(named)
        value = _get(value, (step,))
    return tuple(found)


def _owned(managers: Sequence[str], wanted: Manifest, live: Manifest) -> Iterable[Place]:
    # An autoscaler writes through the subresource `scale`: what it owns there is a field of the object all the same.
    for entry in managed.entries(live):
        if entry.manager in managers:
            for place in entry.leaves():
                if not _is_identity(place) and _get(wanted, place) is not None and _get(live, place) is not None:
                    yield place


def _is_identity(place: Place) -> bool:
    """Whether a place says what an object is and whose, which no rule may hide."""
    if place[0] != "metadata":
        return place[0] in ("apiVersion", "kind")
    return place[1:2] not in (("labels",), ("annotations",)) or place[2:] == (tracking.ANNOTATION,)


def _index(step: managed.Step, listed: list[Any]) -> int:
    if isinstance(step, tuple):
        names = tuple(name for name, _ in step)
        return next((index for index, item in enumerate(listed) if identity(item, names) == step), -1)
    number = int(step) if isinstance(step, int) or (step.isascii() and step.isdigit()) else -1
    return number if 0 <= number < len(listed) else -1


def _get(value: Any, place: Place) -> Any:
    for step in place:
        if isinstance(value, Mapping):
            value = value.get(str(step))
        elif isinstance(value, list) and (at := _index(step, value)) >= 0:
            value = value[at]
        else:
            return None
    return value


def _cut(value: Any, place: Place) -> Any:
    head, rest = place[0], place[1:]
    if isinstance(value, Mapping):
        name = str(head)
        if name not in value:
            return value
        if rest:
            return {**value, name: _cut(value[name], rest)}
        return {key: inner for key, inner in value.items() if key != name}
    if isinstance(value, list) and (at := _index(head, value)) >= 0:
        return [*value[:at], *([_cut(value[at], rest)] if rest else []), *value[at + 1 :]]
    return value


def _restored(wanted: Any, live: Any, place: Place) -> Any:
    """The wanted value with the live one's word at a place; as it is where the live one, or an item of it, is not."""
    if not place:
        return wanted if live is None else live
    head, rest = place[0], place[1:]
    if isinstance(live, list):
        here, there = _index(head, wanted) if isinstance(wanted, list) else -1, _index(head, live)
        if here < 0 or there < 0:
            return wanted
        return [*wanted[:here], _restored(wanted[here], live[there], rest), *wanted[here + 1 :]]
    name = str(head)
    inner = _restored(part(wanted).get(name), part(live).get(name), rest)
    return wanted if inner is None else {**part(wanted), name: inner}
