"""`rollouts app …`: Applications, as scripts and people know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rollouts.cli.errors import ComplaintError, Exit, meant
from rollouts.cli.frame import Lazy, LazyGroup
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster, Query
    from rollouts.kube.ref import Manifest, Ref

_READ, _DIFF = "rollouts.cli.app_read", "rollouts.cli.app_diff"
_SYNC, _WRITE, _SET = "rollouts.cli.app_sync", "rollouts.cli.app_write", "rollouts.cli.app_set"
_EDIT, _SOURCES = "rollouts.cli.app_edit", "rollouts.cli.app_sources"
_RESOURCE, _ACTIONS = "rollouts.cli.app_resource", "rollouts.cli.app_actions"


@click.group(
    "app",
    cls=LazyGroup,
    table={
        "list": Lazy(_READ, "List Applications.", "list_command"),
        "get": Lazy(_READ, "Show one Application as a tree with live health.", "get"),
        "create": Lazy(_WRITE, "Create an Application.", "create"),
        "set": Lazy(_SET, "Change what an Application says.", "set_command"),
        "unset": Lazy(_SOURCES, "Take away what an Application's source says.", "unset"),
        "edit": Lazy(_EDIT, "Change an Application's spec in an editor.", "edit"),
        "patch": Lazy(_EDIT, "Change an Application by a patch.", "patch_command"),
        "add-source": Lazy(_SOURCES, "Give an Application one more source.", "add_source"),
        "remove-source": Lazy(_SOURCES, "Take one of several sources away.", "remove_source"),
        "sync": Lazy(_SYNC, "Bring the cluster to what git says, and watch it happen.", "sync"),
        "diff": Lazy(_DIFF, "Say what differs: 0 nothing, 1 something, 2 error.", "diff"),
        "wait": Lazy(_SYNC, "Wait until Applications are synced and healthy.", "wait"),
        "history": Lazy(_READ, "List what was synced.", "history"),
        "rollback": Lazy(_SYNC, "Go back to an earlier sync.", "rollback"),
        "manifests": Lazy(_DIFF, "Print what git says, or what is in the cluster.", "manifests"),
        "resources": Lazy(_READ, "List an Application's objects.", "resources"),
        "get-resource": Lazy(_RESOURCE, "Print single objects as they are.", "get_resource"),
        "patch-resource": Lazy(_RESOURCE, "Change single objects in the cluster.", "patch_resource"),
        "delete-resource": Lazy(_RESOURCE, "Delete single objects from the cluster.", "delete_resource"),
        "actions": Lazy(_ACTIONS, "Restart, scale, pause, promote: what may be done with the objects."),
        "terminate-op": Lazy(_SYNC, "End the sync under way.", "terminate_op"),
        "confirm-deletion": Lazy(_SET, "Let go what waits to be confirmed.", "confirm_deletion"),
        "delete": Lazy(_WRITE, "Delete an Application, with or without its objects.", "delete"),
    },
)
def command() -> None:
    """Applications: desired state from git, compared, synced and watched.

    NAME may be NAMESPACE/NAME; otherwise -n or the kubeconfig says where Applications live.
    """


def place(cluster: Cluster, name: str) -> Ref:
    """Which Application a name means."""
    from rollouts.kube.ref import Ref

    namespace, found, rest = name.partition("/")
    return Ref(APPLICATION, namespace, rest) if found else Ref(APPLICATION, cluster.namespace, name)


def label(app: Manifest) -> str:
    """The name by which `place` finds an Application again, or one that is written down so."""
    meta = app["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


async def found(cluster: Cluster, name: str) -> Manifest:
    """The Application, or a complaint with the nearest names of every namespace."""
    from rollouts.cli.connection import Query
    from rollouts.kube import object as obj

    ref = place(cluster, name)
    if (app := await cluster.find(ref)) is not None:
        return app
    everywhere = (await cluster.list(Query(APPLICATION))).items
    elsewhere = [label(each) for each in everywhere if obj.name(each) == ref.name]
    hint = f"did you mean {elsewhere[0]!r}?" if elsewhere else meant(ref.name, [obj.name(each) for each in everywhere])
    raise ComplaintError(
        f'application "{ref.name}" not found in namespace "{ref.namespace}"',
        fix=hint or "rollouts app list -A",
        code=Exit.NOT_FOUND,
    )


def query_of(app: Manifest) -> Query:
    """The query that follows one Application."""
    from rollouts.cli.connection import Query
    from rollouts.kube import object as obj

    return Query(APPLICATION, obj.namespace(app), fields=f"metadata.name={obj.name(app)}")
