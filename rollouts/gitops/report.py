"""The status of an Application as clients read it, and the one patch that writes what has changed of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rollouts.core.plan import Patch
from rollouts.gitops import links
from rollouts.gitops.asking import without_refresh
from rollouts.gitops.comparison import OUT_OF_SYNC, UNKNOWN, Comparison, Row
from rollouts.gitops.diff import picture
from rollouts.gitops.health.model import Health, Status
from rollouts.gitops.inventory import Item
from rollouts.gitops.keys import key_from, key_row
from rollouts.gitops.operation import spec_sources
from rollouts.gitops.options import SYNC_OPTIONS, of_object
from rollouts.gitops.seen import AppSeen
from rollouts.gitops.shorten import fitting
from rollouts.kit import mergepatch
from rollouts.kit.instant import Instant
from rollouts.kit.parts import objects, part
from rollouts.kube import object as kube
from rollouts.kube.kinds import APPLICATION
from rollouts.kube.ref import Manifest

MESSAGE_MAX = 2048
DIFFERING_ROWS_MAX = 50
IMAGES_MAX = 500
CONDITIONS_MAX = 30

Json = dict[str, Any]


def observed(seen: AppSeen, comparison: Comparison, warnings: Iterable[tuple[str, str]], now: Instant) -> Json:
    """The status after a comparison that went well."""
    before = seen.status
    images = _images(row.wanted.manifest for row in comparison.rows if row.wanted)
    urls = links.urls(row.live for row in comparison.rows if row.live is not None)
    apps = any((row.key.group, row.key.kind) == (APPLICATION.group, APPLICATION.name) for row in comparison.rows)
    after: Json = {
        **before,
        "resources": resources(comparison, seen.hooks),
        "sync": {"status": comparison.status, **_compared(seen)},
        "health": health(before, comparison.health, now),
        "conditions": conditions(before, warnings, now) or None,
        "summary": {
            **({"images": images} if images else {}),
            **({"externalURLs": urls} if urls else {}),
            **({"isAppOfApps": True} if apps else {}),
        },
        "controllerNamespace": seen.control_namespace,
    }
    if output := seen.source.output:
        types = list(output.source_types)
        several = len(seen.source.sources) > 1
        after |= {"sourceTypes": types if several else None, "sourceType": None if several else types[0]}
    return after


def unknown(seen: AppSeen, warnings: Sequence[tuple[str, str]], now: Instant, *, is_spec: bool = False) -> Json:
    """The status where nothing could be compared: what was known of the objects stays, for pruning remembers by it."""
    before = seen.status
    found = health(before, Health(Status.UNKNOWN), now) if is_spec or not before.get("health") else before["health"]
    return {
        **before,
        "sync": {**part(before, "sync"), "status": UNKNOWN},
        "health": found,
        "conditions": conditions(before, warnings, now),
        "controllerNamespace": seen.control_namespace,
    }


def resources(comparison: Comparison, hooks: Iterable[Item] = ()) -> list[Json]:
    """One row for each object, in the order of group, kind, namespace and name; hooks have no status of their own."""
    differing = 0
    rows = []
    for row in sorted(comparison.rows, key=lambda each: each.key):
        found = key_row(row.key, row.version) | {"status": row.status}
        if row.health is not None:
            said = {"message": row.health.message[:MESSAGE_MAX]} if row.health.message else {}
            found["health"] = {"status": row.health.status.value, **said}
        if row.wave:
            found["syncWave"] = row.wave
        if row.wanted is None:
            found["requiresPruning"] = True
        if row.live is not None and "confirm" in str(kube.annotations(row.live).get(SYNC_OPTIONS) or ""):
            own = of_object(row.live)
            if "confirm" in (own.word("Prune").lower(), own.word("Delete").lower()):
                found["requiresDeletionConfirmation"] = True
        if row.changes and row.status == OUT_OF_SYNC and differing < DIFFERING_ROWS_MAX:
            differing += 1
            found["differences"] = picture.rows(row.key, kube.uid(row.live) if row.live else "", row.changes)
        rows.append(found)
    compared = {row.key for row in comparison.rows}
    left = [key_row(item.key, item.version) | {"hook": True} for item in hooks if item.key not in compared]
    return sorted(rows + left, key=key_from) if left else rows  # type: ignore[arg-type]  # each of them has a key


def health(before: Mapping[str, Any], found: Health, now: Instant) -> Json:
    """The health with the time of its last change."""
    old = part(before, "health")
    since = old.get("lastTransitionTime") if old.get("status") == found.status.value else None
    said = {"message": found.message[:MESSAGE_MAX]} if found.message else {}
    return {"status": found.status.value, **said, "lastTransitionTime": since or now.rfc3339_whole()}


def conditions(before: Mapping[str, Any], wanted: Iterable[tuple[str, str]], now: Instant) -> list[Json]:
    """The conditions, each with the time since which it stands."""
    old = {
        (each.get("type"), each.get("message")): each.get("lastTransitionTime")
        for each in objects(before, "conditions")
    }
    found: dict[tuple[str, str], Json] = {}
    for kind, message in wanted:
        text = message[:MESSAGE_MAX]
        since = old.get((kind, text)) or now.rfc3339_whole()
        found[kind, text] = {"type": kind, "message": text, "lastTransitionTime": since}
    return list(found.values())[:CONDITIONS_MAX]


def patch(seen: AppSeen, after: Mapping[str, Any], *, ends: bool = False, extra: Json | None = None) -> Patch | None:
    """The patch that turns the present status into `after`; None where nothing changes.

    ends: the operation that was asked for is over.  extra: further parts of the object.
    """
    body: Json = dict(extra or {})
    if change := mergepatch.derive(seen.status, fitting(seen.status, after)):
        body["status"] = change
    if ends and "operation" in seen.manifest:
        body["operation"] = None
    if not body:
        return None
    return Patch(seen.ref, body, uid=seen.uid, version=kube.version(seen.manifest))


def looked(seen: AppSeen, after: Json, now: Instant, *, is_compared: bool) -> tuple[Json, Json]:
    """The status and the metadata after git was asked: when, and that nobody waits for it any more."""
    times = {"observedAt": now.rfc3339()} | ({"reconciledAt": now.rfc3339()} if is_compared else {})
    return {**after, **times}, without_refresh(seen.manifest)


def _compared(seen: AppSeen) -> Json:
    """What was compared with what."""
    spec: Mapping[str, Any] = seen.manifest["spec"]
    sources, revisions = [dict(each) for each in seen.source.sources], list(seen.source.revisions)
    if not sources:
        sources = [dict(each) for each in spec_sources(seen.manifest)]
    several = bool(spec.get("sources")) or len(sources) > 1
    to: Json = {"sources": sources} if several else {"source": sources[0] if sources else None}
    to["destination"] = spec.get("destination")
    if spec.get("ignoreDifferences"):
        to["ignoreDifferences"] = spec["ignoreDifferences"]
    if several:
        return {"revisions": revisions, "comparedTo": to}
    return {"revision": revisions[0] if revisions else None, "comparedTo": to}


def _images(manifests: Iterable[Manifest]) -> list[str]:
    found = {image for manifest in manifests for image in links.images_of(manifest)}
    return sorted(found)[:IMAGES_MAX]


def row_is_out(row: Row) -> bool:
    """Whether an object is a reason for a sync."""
    return row.status == OUT_OF_SYNC and row.counts
