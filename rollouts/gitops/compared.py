"""From what is seen to a comparison, and to what a person should be told about it."""

from __future__ import annotations

from rollouts.gitops import tracking
from rollouts.gitops.comparison import Comparison, Surroundings, compare
from rollouts.gitops.diff import ignore
from rollouts.gitops.keys import Key
from rollouts.gitops.seen import AppSeen
from rollouts.kit import glob
from rollouts.kube.kinds import ROLLOUT

ORPHANS_TOLD_MAX = 10


def comparison_of(seen: AppSeen) -> Comparison:
    """The comparison of all that git wants with all that is there."""
    assert seen.desired is not None and seen.spec is not None and seen.place is not None
    wanted = {one.key for one in seen.desired.plain}
    hooks = {one.key for one in seen.desired.objects if one.is_hook}
    gone = [
        (item.key, item.version, item.kind_now)
        for item in seen.inventory
        if item.key not in wanted and item.key not in hooks and item.kind_now is not None
    ]
    rules, _ = ignore.read(seen.spec.ignore_differences)
    rollouts = [one.manifest for one in seen.desired.plain if one.kind == ROLLOUT]
    around = Surroundings(
        app=seen.app,
        live=seen.live,
        unknown=seen.unknown,
        rules=(*rules, *seen.settings.ignores),
        controllers=ignore.of_controllers(seen.autoscalers, rollouts),
        checks=seen.checks,
        respects_ignored=seen.place.options.is_on("RespectIgnoreDifferences"),
    )
    return compare(seen.desired, gone, around)


def warnings_of(seen: AppSeen) -> list[tuple[str, str]]:
    """Conditions that stand beside a comparison that went well: (type, sentence)."""
    assert seen.desired is not None and seen.spec is not None
    found = list(seen.desired.warnings)
    _, wrong = ignore.read(seen.spec.ignore_differences)
    found += [("InvalidSpecError", each) for each in wrong]
    found += [("UnknownError", each) for each in seen.settings.wrong]
    for key in sorted(seen.shared):
        found.append(("SharedResourceWarning", said_shared(seen, key)))
    found += [("UnknownError", f"{kind.plural}: {why}") for kind, why in seen.unknown.items()]
    if output := seen.source.output:
        found += [("RenderWarning", each) for each in output.warnings]
    return found + _orphans(seen)


def said_shared(seen: AppSeen, key: Key) -> str:
    """Whose an object is beside."""
    owner = tracking.owner(seen.live[key], key)
    return f"{key.kind}/{key.name} is part of applications {seen.control_namespace}/{seen.app} and {owner}"


def _orphans(seen: AppSeen) -> list[tuple[str, str]]:
    rule = seen.project.spec.orphaned_resources if seen.project else None
    if rule is None or rule.warn is False:
        return []
    found = [
        key
        for key in seen.orphans
        if not any(
            glob.matches(each.group, key.group)
            and glob.matches(each.kind or "*", key.kind)
            and glob.matches(each.name or "*", key.name)
            for each in rule.ignore
        )
    ]
    if not found:
        return []
    named = ", ".join(str(key) for key in found[:ORPHANS_TOLD_MAX])
    return [("OrphanedResourceWarning", f"Application has {len(found)} orphaned resources: {named}")]
