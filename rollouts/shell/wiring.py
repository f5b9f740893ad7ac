"""The composition root: which room looks after which kind, and what is watched. The only list of rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from rollouts import delivery, experiments, runs, traffic
from rollouts.gitops import application
from rollouts.gitops.seen import gather as gather_application
from rollouts.kube.kinds import (
    ANALYSIS_RUN,
    ANALYSIS_TEMPLATE,
    APP_PROJECT,
    APPLICATION,
    CLUSTER_ANALYSIS_TEMPLATE,
    CRD,
    DEPLOYMENT,
    EXPERIMENT,
    INGRESS,
    INGRESS_CLASS,
    JOB,
    POD,
    POD_TEMPLATE,
    REPLICA_SET,
    ROLLOUT,
    SERVICE,
)
from rollouts.kube.ref import Kind
from rollouts.shell import judging, plugins
from rollouts.shell.reflector import Interest
from rollouts.shell.room import Room

INSTANCE_LABEL = "argo-rollouts.argoproj.io/controller-instance-id"
HASH_LABEL = "rollouts-pod-template-hash"
DEPLOYMENT_HASH_LABEL = "pod-template-hash"

_ROUTED = tuple(kind for kind in traffic.VERSIONS if kind not in (INGRESS, SERVICE))
"""The kinds of routers that nothing but a router needs."""

_gather_application = partial(gather_application, judge=judging.problems)

ROOMS: dict[str, tuple[Room, ...]] = {
    "delivery": (
        Room(
            ROLLOUT,
            delivery.gather,
            delivery.reconcile,
            urgent=delivery.urgent,
            names_root=delivery.names_root,
            fences=frozenset({INGRESS, *_ROUTED}),
            reads=(
                ROLLOUT,
                REPLICA_SET,
                SERVICE,
                INGRESS,
                INGRESS_CLASS,
                ANALYSIS_RUN,
                ANALYSIS_TEMPLATE,
                CLUSTER_ANALYSIS_TEMPLATE,
                EXPERIMENT,
            ),
            on_demand=(POD, DEPLOYMENT, POD_TEMPLATE, *_ROUTED),
        ),
        Room(ANALYSIS_RUN, runs.gather, runs.reconcile, reads=(ANALYSIS_RUN,), on_demand=(JOB, POD)),
        Room(
            EXPERIMENT,
            experiments.gather,
            experiments.reconcile,
            reads=(EXPERIMENT, REPLICA_SET, SERVICE, ANALYSIS_RUN, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE),
        ),
    ),
    "gitops": (
        Room(
            APPLICATION,
            _gather_application,
            application.reconcile,
            reads=(APPLICATION, APP_PROJECT, CRD),
            is_whole=True,
        ),
    ),
}


def rooms(
    names: tuple[str, ...] = ("delivery",),
    *,
    prometheus_address: str = "",
    control_namespace: str = "argocd",
    status_compat: delivery.StatusCompat | None = None,
) -> tuple[Room, ...]:
    """The rooms of those names, with the routers that other packages bring.

    prometheus_address: the server of metrics that name none.  control_namespace: where AppProjects are.
    status_compat: for which readers statuses are written; None: for those for whom each was written last.
    """
    brought = plugins.routers()
    given = (_addressed(room, prometheus_address) for name in names for room in ROOMS[name])
    found = (_with(room, brought, status_compat) for room in given)
    return tuple(_homed(room, control_namespace) for room in found)


def _homed(room: Room, control_namespace: str) -> Room:
    if room.kind != APPLICATION:
        return room
    return replace(room, gather=partial(_gather_application, control_namespace=control_namespace))


def _with(room: Room, routers: Mapping[str, traffic.Dialect], compat: delivery.StatusCompat | None) -> Room:
    if room.kind != ROLLOUT or not (routers or compat):
        return room
    kinds = {kind for dialect in routers.values() for kind in dialect.kinds} - {*room.reads, *room.on_demand}
    more = tuple(sorted(kinds, key=lambda kind: (kind.group, kind.plural)))
    gather = partial(delivery.gather, plugins=routers, compat=compat)
    return replace(room, gather=gather, fences=room.fences | kinds, on_demand=(*room.on_demand, *more))


def _addressed(room: Room, prometheus_address: str) -> Room:
    if room.kind != ANALYSIS_RUN or not prometheus_address:
        return room
    return replace(room, gather=partial(runs.gather, prometheus_address=prometheus_address))


def interests(wired: tuple[Room, ...], namespace: str = "", instance_id: str = "") -> tuple[Interest, ...]:
    """What must be watched for these rooms: each kind once, ours only with our instance's label."""
    kinds = dict.fromkeys(kind for room in wired for kind in (room.kind, *room.reads))
    mine = f"{INSTANCE_LABEL}={instance_id}" if instance_id else f"!{INSTANCE_LABEL}"
    # Ours and those that no Deployment made: a Rollout may take its template from one of the latter.
    labels = {REPLICA_SET: f"!{DEPLOYMENT_HASH_LABEL}", ROLLOUT: mine, ANALYSIS_RUN: mine, EXPERIMENT: mine}
    # A room that reads all objects of a kind keeps nobody from seeing them whole.
    is_whole = any(room.is_whole for room in wired)
    if is_whole:
        labels.pop(REPLICA_SET)
    # Without these a controller of one namespace, or of a cluster that does not know them, does what it can.
    optional = (CLUSTER_ANALYSIS_TEMPLATE, INGRESS_CLASS, EXPERIMENT)
    return tuple(
        Interest(
            kind,
            namespace if kind.namespaced else "",
            labels.get(kind, ""),
            is_optional=kind in optional,
            is_whole=is_whole,
        )
        for kind in kinds
    )


def demanded(kind: Kind, namespace: str = "", *, is_whole: bool = False) -> Interest:
    """What must be watched once some gather asks for a kind: of pods only those that belong to a version.

    is_whole: some room reads all objects of a kind, and all of them.
    """
    if is_whole:
        return Interest(kind, namespace if kind.namespaced else "", is_whole=True)
    return Interest(kind, namespace if kind.namespaced else "", HASH_LABEL if kind == POD else "")
