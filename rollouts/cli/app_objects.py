"""The objects of an Application that a command line means: those that it applied, and what they own in the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.kube.kinds import ANALYSIS_RUN, EXPERIMENT, JOB, POD, REPLICA_SET

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.gitops.keys import Key
    from rollouts.kube.ref import Kind, Manifest, Ref

CHILDREN = (REPLICA_SET, JOB, POD, ANALYSIS_RUN, EXPERIMENT)
DEPTH_MAX = 4


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which objects are meant; what is empty means any.  is_all: whether several may be."""

    kind: str = ""
    group: str | None = None
    name: str = ""
    namespace: str = ""
    is_all: bool = False

    def fits(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether an object is meant."""
        return (
            self.kind.lower() in ("", kind.name.lower())
            and self.group in (None, kind.group)
            and self.name in ("", name)
            and self.namespace in ("", namespace)
        )


def choice_options(*, several: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--kind`, `--group`, `--resource-name`, `--resource-namespace` and, where there may be several, `--all`."""
    options = [
        click.option("--kind", default="", help="Kind of the object."),
        click.option("--group", default=None, help="Its API group."),
        click.option("--resource-name", default="", help="Its name."),
        click.option("--resource-namespace", default="", help="Its namespace."),
        *([click.option("--all", "is_all", is_flag=True, help="All that fit, where several do.")] if several else []),
    ]

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def chosen_of(given: dict[str, Any]) -> Chosen:
    """The choice that the options say; they are taken out of what was given."""
    words = {field: given.pop(field) for field in ("kind", "group")}
    name, namespace = given.pop("resource_name"), given.pop("resource_namespace")
    return Chosen(**words, name=name, namespace=namespace, is_all=bool(given.pop("is_all", False)))


async def chosen(cluster: Cluster, app: Manifest, wanted: Chosen) -> list[tuple[Ref, Manifest]]:
    """The objects that are meant, as they are: complaints where there is none, or one of several is not named."""
    found = await objects(cluster, app, wanted)
    if not found:
        fix = f"rollouts app resources {app['metadata']['name']}"
        raise ComplaintError("no object of the application fits", fix=fix, code=Exit.NOT_FOUND)
    if len(found) > 1 and not wanted.is_all:
        named = ", ".join(str(ref) for ref, _ in found[:5])
        raise ComplaintError(f"{len(found)} objects fit: {named}", fix="--all for all, or --resource-name for one")
    return found


async def objects(cluster: Cluster, app: Manifest, wanted: Chosen) -> list[tuple[Ref, Manifest]]:
    """The objects that fit, those that the Application applied before what these own."""
    known = await applied(cluster, app)
    found = []
    for ref in known:
        if wanted.fits(ref.kind, ref.namespace, ref.name) and (live := await cluster.find(ref)) is not None:
            found.append((ref, live))
    kinds = [kind for kind in CHILDREN if wanted.kind.lower() in ("", kind.name.lower())]
    if not kinds:
        return found
    below = [(ref, each) for ref, each in await owned(cluster, known) if ref not in known]
    return found + [(ref, each) for ref, each in below if wanted.fits(ref.kind, ref.namespace, ref.name)]


def keys_of(app: Manifest) -> list[Key]:
    """The objects that the Application's status compares, by key."""
    from rollouts.gitops.keys import key_from
    from rollouts.view.apps import Facts

    rows = (row for row in Facts(app).resources if not row.get("hook"))
    return [key for key in map(key_from, rows) if key is not None]


async def applied(cluster: Cluster, app: Manifest) -> list[Ref]:
    """The objects that the Application's status names, of kinds that the cluster serves."""
    from rollouts.kube.ref import Ref
    from rollouts.view.apps import Facts

    kinds: dict[tuple[str, str], Kind | None] = {}
    found = []
    for row in Facts(app).resources:
        version = f"{row['group']}/{row.get('version')}" if row.get("group") else str(row.get("version"))
        which = (version, str(row.get("kind")))
        if which not in kinds:
            kinds[which] = await kind_of(cluster, *which)
        if (kind := kinds[which]) is not None:
            found.append(Ref(kind, str(row.get("namespace") or "") if kind.namespaced else "", str(row["name"])))
    return found


async def owned(cluster: Cluster, owners: Iterable[Ref]) -> list[tuple[Ref, Manifest]]:
    """What objects own, and what that owns, as far as this person may look."""
    from rollouts.cli.connection import Query, RefusedError
    from rollouts.kube import object as obj

    known = {(ref.namespace, ref.kind.name, ref.name) for ref in owners}
    listed: list[tuple[Ref, Manifest]] = []
    for space in sorted({space for space, _, _ in known if space}):
        for kind in CHILDREN:
            try:
                items = (await cluster.list(Query(kind, space))).items
            except RefusedError:
                continue
            listed += [(obj.ref(kind, each), {**each, "kind": kind.name}) for each in items]
    found: dict[Ref, Manifest] = {}
    for _ in range(DEPTH_MAX):
        new = {ref: each for ref, each in listed if ref not in found and known & set(_owners(each))}
        if not new:
            break
        found |= new
        known |= {(ref.namespace, ref.kind.name, ref.name) for ref in new}
    return list(found.items())


def _owners(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    from rollouts.kube import object as obj

    for owner in manifest["metadata"].get("ownerReferences") or ():
        yield obj.namespace(manifest), str(owner.get("kind")), str(owner.get("name"))


async def kind_of(cluster: Cluster, version: str, name: str) -> Kind | None:
    """A kind that every cluster has, or one that this one serves beside."""
    import orjson

    from rollouts.kube.builtin import find
    from rollouts.kube.ref import Kind

    if (found := find(version, name)) is not None:
        return found
    reply = await cluster.client.connection.send("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")
    if not reply.is_ok:
        return None
    listed = orjson.loads(reply.body).get("resources") or ()
    parts = {str(each.get("name")) for each in listed}
    group, _, plain = version.rpartition("/")
    for each in listed:
        plural = str(each.get("name"))
        if each.get("kind") == name and "/" not in plural:
            has_status = f"{plural}/status" in parts
            return Kind(group, plain, name, plural, namespaced=bool(each.get("namespaced")), has_status=has_status)
    return None


def hidden(secret: Manifest) -> dict[str, Any]:
    """A Secret without its values."""
    from rollouts.cli.output import bare

    return {**bare(secret), "data": dict.fromkeys(secret.get("data") or {}, "(hidden)")}
