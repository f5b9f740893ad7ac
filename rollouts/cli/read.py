"""Everything that one Rollout's page shows, listed with server-side selectors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from rollouts.cli.connection import Cluster, Query
from rollouts.cli.errors import ComplaintError, Exit, meant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.view import facts
from rollouts.view.facts import World

JOB_OWNER = "analysisrun.argoproj.io/uid"


async def rollout(cluster: Cluster, name: str) -> Manifest:
    """The Rollout of that name, or a complaint with the nearest names."""
    ref = Ref(kinds.ROLLOUT, cluster.namespace, name)
    if (found := await cluster.find(ref)) is not None:
        return found
    raise await missing(cluster, name)


async def missing(cluster: Cluster, name: str) -> ComplaintError:
    """The complaint that there is no such Rollout, with the nearest names."""
    listing = await cluster.list(Query(kinds.ROLLOUT, cluster.namespace))
    known = [obj.name(each) for each in listing.items]
    hint = meant(name, known) or (f"rollouts list rollouts -n {cluster.namespace}" if known else "")
    empty = "" if known else "; the namespace holds no rollouts, so look with: rollouts list rollouts -A"
    return ComplaintError(
        f'rollout "{name}" not found in namespace "{cluster.namespace}"{empty}', fix=hint, code=Exit.NOT_FOUND
    )


def queries(root: Manifest, *, events: bool = False) -> dict[Kind, Query]:
    """What belongs to a Rollout, as a query per kind; what the selector catches too much, the owner sorts out."""
    space, name = obj.namespace(root), obj.name(root)
    selector = facts.spec(root).get("selector")
    pods = selector_text(selector) if selector else str(facts.status(root).get("selector") or "")
    plain = selector_text({"matchLabels": (selector or {}).get("matchLabels") or {}})
    found = {
        kinds.ROLLOUT: Query(kinds.ROLLOUT, space, fields=f"metadata.name={name}"),
        kinds.REPLICA_SET: Query(kinds.REPLICA_SET, space, labels=pods),
        kinds.POD: Query(kinds.POD, space, labels=pods),
        kinds.ANALYSIS_RUN: Query(kinds.ANALYSIS_RUN, space, labels=plain),
    }
    if events:
        found[kinds.EVENT] = Query(kinds.EVENT, space, fields=f"involvedObject.uid={obj.uid(root)}")
    return found


def selector_text(selector: Mapping[str, object]) -> str:
    """A label selector as the API's query parameter writes it."""
    labels = selector.get("matchLabels") or {}
    assert isinstance(labels, Mapping)
    parts = [f"{key}={value}" for key, value in sorted(labels.items())]
    for rule in selector.get("matchExpressions") or ():  # type: ignore[attr-defined]  # a manifest's list, untyped
        key, operator, values = rule["key"], rule["operator"], ",".join(sorted(rule.get("values") or ()))
        parts.append(
            {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}.get(operator, f"!{key}")
        )
    return ",".join(parts)


async def world(cluster: Cluster, name: str, *, events: bool = False) -> World:
    """One Rollout with its ReplicaSets, pods, AnalysisRuns and their Jobs, listed at once."""
    root = await rollout(cluster, name)
    wanted = queries(root, events=events)
    del wanted[kinds.ROLLOUT]
    listings = await asyncio.gather(*(cluster.list(query) for query in wanted.values()))
    found = {kind: tuple(listing.items) for kind, listing in zip(wanted, listings, strict=True)}
    return assembled(root, found, await jobs(cluster, root, found[kinds.ANALYSIS_RUN]))


def assembled(root: Manifest, found: Mapping[Kind, tuple[Manifest, ...]], made: tuple[Manifest, ...] = ()) -> World:
    """The page's world from lists by kind."""
    return World(
        root,
        found.get(kinds.REPLICA_SET, ()),
        found.get(kinds.POD, ()),
        found.get(kinds.ANALYSIS_RUN, ()),
        made,
        found.get(kinds.EVENT, ()),
    )


async def jobs(cluster: Cluster, root: Manifest, runs: tuple[Manifest, ...]) -> tuple[Manifest, ...]:
    """The Jobs of those runs that measure by Job; no request where no metric does."""
    metrics = (metric for run in runs for metric in facts.spec(run).get("metrics") or ())
    if not any((metric.get("provider") or {}).get("job") for metric in metrics):
        return ()
    return tuple((await cluster.list(Query(kinds.JOB, obj.namespace(root), labels=JOB_OWNER))).items)
