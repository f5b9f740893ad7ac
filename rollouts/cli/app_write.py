"""`rollouts app create|delete`: Applications that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_spec import changed, pair, spec_options
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import output_option, show, show_object
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.kube.ref import Manifest, Ref

FINALIZER = "resources-finalizer.argocd.argoproj.io"
BARE = {"project": "default", "destination": {"server": "https://kubernetes.default.svc"}}


@kube_command(
    "create",
    examples="""
    rollouts app create web -n argocd --repo https://git.example.com/shop --path web --dest-namespace shop
    rollouts app create web --repo https://charts.example.com --helm-chart web --revision '^1' --dest-namespace shop
    rollouts app create web --repo ... --path web --dest-namespace shop --sync-policy automated --auto-prune --self-heal
    rollouts app create -f applications.yaml --upsert
    """,
)
@click.argument("name", required=False, default="")
@click.option("-f", "--file", "file", metavar="FILE", help="Applications as manifests, or - for standard input.")
@spec_options
@click.option("--label", "-l", "labels", multiple=True, metavar="NAME=VALUE", help="Label of the Application.")
@click.option("--annotations", "marks", multiple=True, metavar="NAME=VALUE", help="Annotation of the Application.")
@click.option("--set-finalizer", is_flag=True, help="Delete the objects with the Application.")
@click.option("--upsert", is_flag=True, help="Replace the spec of one that is there.")
@output_option()
@click.pass_context
def create(ctx: click.Context, /, name: str, file: str | None, upsert: bool, output: str | None, **chosen: Any) -> None:
    """Create an Application from options, or Applications from a file; options change what the file says."""
    from rollouts.cli.connection import open_cluster, run

    if not name and not file:
        raise click.UsageError("give a NAME, or a file with -f", ctx)
    if not file and not chosen["repo"]:
        raise click.UsageError("name the --repo, or a file with -f", ctx)
    written = _written(file) if file else [{"metadata": {}, "spec": BARE}]
    if name and len(written) > 1:
        raise click.UsageError(f"{file} holds {len(written)} Applications, which one NAME cannot name", ctx)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            for each in written:
                ref = apps.place(cluster, name or _label(each))
                body = _application(ref, each, chosen)
                present = await cluster.find(ref)
                if present is None:
                    made = await cluster.create(APPLICATION, ref.namespace, body)
                elif upsert:
                    change = [{"op": "replace", "path": "/spec", "value": body["spec"]}]
                    made = await cluster.patch(ref, change, form="json")
                else:
                    raise ComplaintError(f"application {ref.name} is there already", fix="--upsert replaces its spec")
                if output:
                    show_object(APPLICATION, made, output)
                else:
                    show([f"application/{ref.name} {'created' if present is None else 'changed'}"])

    run(once())


@kube_command(
    "delete",
    examples="""
    rollouts app delete web -n argocd             # with its objects
    rollouts app delete web --no-cascade          # its objects stay
    """,
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=names_of(APPLICATION))
@click.option("--cascade/--no-cascade", default=True, show_default=True, help="Delete its objects, too.")
@click.option(
    "-p", "--propagation-policy", type=click.Choice(["foreground", "background"]), default="foreground",
    show_default=True, help="How its objects are deleted.",
)  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def delete(ctx: click.Context, /, names: tuple[str, ...], cascade: bool, propagation_policy: str, yes: bool) -> None:
    """Delete Applications, by default with all their objects."""
    from rollouts.cli.connection import open_cluster, run
    from rollouts.shell.client import ApiError

    if not yes:
        what = "and all their objects" if cascade else "but not their objects"
        click.confirm(f"Delete {', '.join(names)} {what}?", abort=True)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            for name in names:
                app = await apps.found(cluster, name)
                ref = apps.place(cluster, name)
                kept = [each for each in app["metadata"].get("finalizers") or () if not str(each).startswith(FINALIZER)]
                mark = FINALIZER if propagation_policy == "foreground" else f"{FINALIZER}/background"
                await cluster.patch(ref, {"metadata": {"finalizers": [*kept, *([mark] if cascade else ())]}})
                try:
                    await cluster.client.delete(ref, uid=str(app["metadata"]["uid"]))
                except ApiError as error:
                    if error.status == 404:  # it waited for nothing but its finalizer
                        continue
                    raise ComplaintError(f"cannot delete {name}: {error.message}", code=Exit.ERROR) from None
                show([f"application/{ref.name} {'is being deleted with its objects' if cascade else 'deleted'}"])

    run(once())


def _written(file: str) -> list[Manifest]:
    """The Applications of a file. Raises ComplaintError where it holds anything else."""
    from rollouts.cli.create import objects_in

    found = objects_in(file)
    for each in found:
        if each.value.get("kind") != APPLICATION.name:
            what = each.value.get("kind") or "something without a kind"
            raise ComplaintError(f"{each.source}: {what} is no Application", code=Exit.USAGE)
    if not found:
        raise ComplaintError(f"{file} holds no Application", code=Exit.USAGE)
    return [each.value for each in found]


def _label(written: Manifest) -> str:
    meta = written["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _application(ref: Ref, written: Manifest, chosen: dict[str, Any]) -> dict[str, Any]:
    before = written["metadata"]
    meta: dict[str, Any] = {**before, "name": ref.name, "namespace": ref.namespace}
    for field, option in (("labels", "labels"), ("annotations", "marks")):
        if chosen[option]:
            meta[field] = {**(before.get(field) or {}), **dict(map(pair, chosen[option]))}
    if chosen["set_finalizer"]:
        meta["finalizers"] = [*(each for each in before.get("finalizers") or () if each != FINALIZER), FINALIZER]
    spec = changed(written.get("spec") or {}, chosen)
    return {"apiVersion": APPLICATION.api_version, "kind": APPLICATION.name, "metadata": meta, "spec": spec}
