"""Everything that the page of a Rollout or an Experiment shows, listed with server-side selectors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from rollouts.cli.connection import Cluster, Query
from rollouts.cli.errors import ComplaintError, Exit, meant
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube import selector as selectors
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.view import facts
from rollouts.view.facts import World

LISTED = (kinds.ROLLOUT, kinds.EXPERIMENT)
PODS_OF_OURS = "rollouts-pod-template-hash"  # the label that the ReplicaSets and pods of our kinds carry
JOB_OWNER = "analysisrun.argoproj.io/uid"


async def rollout(cluster: Cluster, name: str) -> Manifest:
    """The Rollout of that name, or a complaint with the nearest names."""
    return await named(cluster, kinds.ROLLOUT, name)


async def named(cluster: Cluster, kind: Kind, name: str) -> Manifest:
    """The object of that kind and name, or a complaint with the nearest names."""
    if (found := await cluster.find(Ref(kind, cluster.namespace if kind.namespaced else "", name))) is not None:
        return found
    raise await missing(cluster, kind, name)


async def missing(cluster: Cluster, kind: Kind, name: str) -> ComplaintError:
    """The complaint that there is no such object, with the nearest names."""
    listing = await cluster.list(Query(kind, cluster.namespace))
    known = [obj.name(each) for each in listing.items]
    asking = f"rollouts list {kind.plural}" if kind in LISTED else f"kubectl get {kind.plural}"
    hint = meant(name, known) or f"{asking} {f'-n {cluster.namespace}' if known else '-A'}"
    empty = "" if known else f", which holds no {kind.plural}"
    return ComplaintError(
        f'{kind.plural}.{kind.group} "{name}" not found in namespace "{cluster.namespace}"{empty}',
        fix=hint,
        code=Exit.NOT_FOUND,
    )


def queries(root: Manifest, kind: Kind = kinds.ROLLOUT, *, events: bool = False) -> dict[Kind, Query]:
    """What belongs to an object, as a query per kind, its own kind first.

    What a selector catches too much, the owner sorts out.
    """
    space, name = obj.namespace(root), obj.name(root)
    pods, runs = PODS_OF_OURS, ""
    found = {kind: Query(kind, space, fields=f"metadata.name={name}")}
    if kind == kinds.ROLLOUT:
        selector = facts.spec(root).get("selector")
        pods = selectors.text(selector) if selector else str(facts.status(root).get("selector") or "")
        runs = selectors.text({"matchLabels": (selector or {}).get("matchLabels") or {}})
        if any("experiment" in step for step in facts.steps(root)):
            found[kinds.EXPERIMENT] = Query(kinds.EXPERIMENT, space)
            pods, runs = PODS_OF_OURS, ""  # an Experiment's pods have its templates' labels, its runs none
    found[kinds.REPLICA_SET] = Query(kinds.REPLICA_SET, space, labels=pods)
    found[kinds.POD] = Query(kinds.POD, space, labels=pods)
    found[kinds.ANALYSIS_RUN] = Query(kinds.ANALYSIS_RUN, space, labels=runs)
    if events:
        found[kinds.EVENT] = Query(kinds.EVENT, space, fields=f"involvedObject.uid={obj.uid(root)}")
    return found


async def world(cluster: Cluster, name: str, kind: Kind = kinds.ROLLOUT, *, events: bool = False) -> World:
    """One object with its ReplicaSets, pods, AnalysisRuns and their Jobs, listed at once."""
    root = await named(cluster, kind, name)
    wanted = queries(root, kind, events=events)
    del wanted[kind]
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
        found.get(kinds.EXPERIMENT, ()),
    )


async def jobs(cluster: Cluster, root: Manifest, runs: tuple[Manifest, ...]) -> tuple[Manifest, ...]:
    """The Jobs of those runs that measure by Job; no request where no metric does."""
    metrics = (metric for run in runs for metric in facts.spec(run).get("metrics") or ())
    if not any((metric.get("provider") or {}).get("job") for metric in metrics):
        return ()
    return tuple((await cluster.list(Query(kinds.JOB, obj.namespace(root), labels=JOB_OWNER))).items)
