"""Which cluster an Application means. One cluster is known here: the one that the controller runs in."""

from __future__ import annotations

from dataclasses import dataclass

from rollouts.api.application import Destination

IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
IN_CLUSTER_NAME = "in-cluster"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by address and name."""

    server: str
    name: str


IN_CLUSTER = Cluster(IN_CLUSTER_SERVER, IN_CLUSTER_NAME)


def resolve(destination: Destination) -> tuple[Cluster | None, str]:
    """The cluster that a destination means, or None and why there is none."""
    server, name = destination.server.rstrip("/"), destination.name
    if server and name:
        return None, f"application destination can't have both name and server defined: {name} {server}"
    if not server and not name:
        return None, "Destination server missing from app spec"
    if server == IN_CLUSTER_SERVER or name == IN_CLUSTER_NAME:
        return IN_CLUSTER, ""
    return None, f"there are no clusters with this {'name' if name else 'address'}: {name or server}"
