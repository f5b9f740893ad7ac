"""What a person asks of an Application, as its `operation`: whole or for some objects, from git or from a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rollouts.cli.app_objects import keys_of
from rollouts.cli.app_render import at_revision, chosen_sources, control_namespace, desired, rendered, spec_of
from rollouts.cli.errors import ComplaintError, Exit

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.gitops.keys import Key
    from rollouts.kube.ref import Manifest

_BACKOFF = (
    ("duration", "retry_backoff_duration"),
    ("factor", "retry_backoff_factor"),
    ("maxDuration", "retry_backoff_max_duration"),
)


async def sync_of(cluster: Cluster, app: Manifest, chosen: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `operation` of a sync. Options of the spec are written along, for controllers that read only these."""
    await refuse_in_shut_window(cluster, app)
    policy = ((app.get("spec") or {}).get("syncPolicy")) or {}
    options = [*(policy.get("syncOptions") or ())]
    for name, option in (("replace", "Replace"), ("server_side", "ServerSideApply")):
        options += [f"{option}=true"] if chosen[name] else []
    options += ["ApplyOutOfSyncOnly=true"] if chosen["apply_out_of_sync_only"] else []
    sync: dict[str, Any] = {"prune": chosen["prune"], "dryRun": chosen["dry_run"], **_revisions(app, chosen)}
    sync |= {"syncOptions": options} if options else {}
    if chosen["resources"] or chosen["labels"]:
        sync["resources"] = await _resources(cluster, app, chosen)
    if chosen["local"]:
        sync["manifests"] = await _local(cluster, app, chosen)
    if chosen["strategy"] or chosen["force"]:
        sync["syncStrategy"] = {chosen["strategy"] or "hook": {"force": chosen["force"]}}
    operation: dict[str, Any] = {"sync": sync}
    if chosen["infos"]:
        operation["info"] = [dict(zip(("name", "value"), each.split("=", 1), strict=False)) for each in chosen["infos"]]
    retry = _retry(policy.get("retry"), chosen)
    return operation | ({"retry": retry} if retry else {})


async def rollback_of(
    cluster: Cluster, app: Manifest, wanted: int | None, chosen: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The `operation` that goes back to an entry of the history; the one before the latest where none is named."""
    from rollouts.view.apps import Facts

    facts = Facts(app)
    if facts.is_automated:
        fix = "turn automated sync off first, or revert the commit"
        raise ComplaintError("rollback is not possible while automated sync is on: git would win again", fix=fix)
    entries = list(facts.status.get("history") or ())
    if wanted is None and len(entries) < 2:
        raise ComplaintError("there is no earlier sync to go back to")
    found = [each for each in entries if each.get("id") == wanted] if wanted is not None else entries[-2:-1]
    if not found:
        known = ", ".join(str(each.get("id")) for each in entries) or "none"
        raise ComplaintError(f"no sync {wanted} in the history", fix=f"known: {known}", code=Exit.NOT_FOUND)
    await refuse_in_shut_window(cluster, app)
    names = ("revision", "revisions", "source", "sources")
    sync = {name: found[0][name] for name in names if found[0].get(name)}
    policy = ((app.get("spec") or {}).get("syncPolicy")) or {}
    options = {"syncOptions": policy["syncOptions"]} if policy.get("syncOptions") else {}
    more = {"prune": chosen["prune"], "dryRun": chosen["dry_run"], "syncStrategy": {"apply": {}}}
    return {"sync": {**sync, **more, **options}}


async def refuse_in_shut_window(cluster: Cluster, app: Manifest) -> None:
    """Complain where the project's windows hold a sync by hand back now: it would stand still until one opens."""
    from rollouts.cli.connection import RefusedError, now
    from rollouts.gitops import destination, project, windows
    from rollouts.kube import object as obj
    from rollouts.kube.kinds import APP_PROJECT
    from rollouts.kube.ref import Ref

    spec = spec_of(app)
    name = spec.project or project.DEFAULT
    try:
        rules, _ = project.read(name, await cluster.find(Ref(APP_PROJECT, control_namespace(app), name)))
    except RefusedError:
        return  # the controller will say it
    where, _ = destination.resolve(spec.destination)
    if rules is None or where is None:
        return
    mine = [each for each in rules.windows if windows.is_for(each, obj.name(app), spec.destination.namespace, where)]
    verdict = windows.verdict(mine, now())
    if not verdict.allows(is_automated=False):
        until = f" until {verdict.changes_at}" if verdict.changes_at else ""
        raise ComplaintError(
            f"cannot sync: blocked by sync window{until}: {verdict.reason}", fix=f"rollouts project windows {name}"
        )


def _revisions(app: Manifest, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The wished revision, or one for each of several sources."""
    several, positions = chosen["revisions"], chosen["source_positions"]
    if not several and not positions:
        return {"revision": chosen["revision"]} if chosen["revision"] else {}
    sources = at_revision(app, "")
    if len(several) != len(positions) or not all(1 <= each <= len(sources) for each in positions):
        said = f"give one --revisions for each of --source-positions, from 1 to {len(sources)}"
        raise ComplaintError(said, code=Exit.USAGE)
    wished = dict(zip(positions, several, strict=True))
    own = enumerate(sources, 1)
    return {"revisions": [wished.get(index, str(each.get("targetRevision") or "")) for index, each in own]}


def _retry(before: Mapping[str, Any] | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(before or {})
    if chosen["retry_limit"] is not None:
        found["limit"] = chosen["retry_limit"]
    backoff = {field: chosen[option] for field, option in _BACKOFF if chosen[option] is not None}
    if backoff:
        found["backoff"] = {**(found.get("backoff") or {}), **backoff}
    return found | ({"refresh": True} if chosen["retry_refresh"] else {})


async def _local(cluster: Cluster, app: Manifest, chosen: Mapping[str, Any]) -> list[str]:
    """The manifests of a folder, as an operation bears them."""
    from rollouts.view.apps import Facts

    if Facts(app).is_automated and not chosen["dry_run"]:
        fix = "turn automated sync off first, or look with --dry-run"
        raise ComplaintError("a folder cannot be synced while automated sync is on: git would win again", fix=fix)
    with chosen_sources(app, chosen) as sources:
        found = await rendered(cluster, app, sources)
    if not found:
        raise ComplaintError(f"{chosen['local']} holds no manifest")
    return [json.dumps(each, sort_keys=True, separators=(",", ":")) for each in found]


async def _resources(cluster: Cluster, app: Manifest, chosen: Mapping[str, Any]) -> list[dict[str, str]]:
    """The objects of a sync of some; patterns and exclusions are resolved here, for controllers that know neither."""
    from rollouts.gitops.sync.tasks import is_selected

    wanted = [resource_of(each) for each in chosen["resources"]]
    is_plain = not any(each.get("exclude") or any("*" in str(part) for part in each.values()) for each in wanted)
    if is_plain and not chosen["labels"]:
        return wanted
    known = await _labelled(cluster, app, chosen) if chosen["labels"] else keys_of(app)
    found = [key for key in known if is_selected(key, wanted)]
    if not found:
        raise ComplaintError(
            "no object of the application fits", fix=f"rollouts app resources {app['metadata']['name']}"
        )
    names = ("group", "kind", "namespace", "name")
    return [{name: str(getattr(key, name)) for name in names if getattr(key, name) or name == "group"} for key in found]


async def _labelled(cluster: Cluster, app: Manifest, chosen: Mapping[str, Any]) -> list[Key]:
    """The objects of git that bear all of the labels."""
    pairs = [tuple(each.split("=", 1)) for each in chosen["labels"]]
    if wrong := [pair for pair in pairs if len(pair) != 2]:
        raise ComplaintError(f"--label {wrong[0][0]!r}: write NAME=VALUE", code=Exit.USAGE)
    labels = {pair[0]: pair[-1] for pair in pairs}
    with chosen_sources(app, chosen) as sources:
        found = await rendered(cluster, app, sources)
    objects: Sequence[Any] = (await desired(cluster, app, found)).plain
    return [each.key for each in objects if labels.items() <= (each.manifest["metadata"].get("labels") or {}).items()]


def resource_of(text: str) -> dict[str, Any]:
    """`[!]GROUP:KIND:[NS/]NAME` as an operation names it; ! is `exclude`. Raises ComplaintError."""
    parts = text.removeprefix("!").split(":")
    if len(parts) != 3 or not all(parts[1:]):
        raise ComplaintError(f"--resource {text!r}: write [!]GROUP:KIND:[NS/]NAME", code=Exit.USAGE)
    namespace, _, name = parts[2].rpartition("/")
    found: dict[str, Any] = {"group": parts[0], "kind": parts[1], "name": name}
    found |= {"namespace": namespace} if namespace else {}
    return found | ({"exclude": True} if text.startswith("!") else {})
