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
    from rollouts.cli.connection import Cluster
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
                ref = apps.place(cluster, name or apps.label(each))
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
    rollouts app delete -l team=shop -y --wait
    """,
)
@click.argument("names", nargs=-1, metavar="NAME...", shell_complete=names_of(APPLICATION))
@click.option("-l", "--selector", default="", help="Those with these labels, instead of names.")
@click.option("--cascade/--no-cascade", default=True, show_default=True, help="Delete its objects, too.")
@click.option(
    "-p", "--propagation-policy", type=click.Choice(["foreground", "background"]), default="foreground",
    show_default=True, help="How its objects are deleted.",
)  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", "waits", is_flag=True, help="Wait until they are gone.")
@click.pass_context
def delete(ctx: click.Context, /, names: tuple[str, ...], selector: str, **chosen: Any) -> None:
    """Delete Applications, by default with all their objects."""
    from rollouts.cli.app_sync import named_or_selected, until_gone
    from rollouts.cli.connection import open_cluster, run
    from rollouts.cli.live import within

    if bool(names) == bool(selector):
        raise click.UsageError("name Applications, or select them with -l", ctx)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            found = await named_or_selected(cluster, names, selector)
            labels = [apps.label(each) for each in found]
            if not chosen["yes"]:
                what = "and all their objects" if chosen["cascade"] else "but not their objects"
                click.confirm(f"Delete {', '.join(labels)} {what}?", abort=True)
            for app in found:
                await _delete(cluster, app, cascades=chosen["cascade"], how=chosen["propagation_policy"])
            for label in labels if chosen["waits"] else ():
                await within(until_gone(cluster, label), 0, f"wait for the end of {label}")
                show([f"application/{label} is gone"])

    run(once())


async def _delete(cluster: Cluster, app: Manifest, *, cascades: bool, how: str) -> None:
    from rollouts.kube import object as obj
    from rollouts.shell.client import ApiError

    ref = obj.ref(APPLICATION, app)
    kept = [each for each in app["metadata"].get("finalizers") or () if not str(each).startswith(FINALIZER)]
    mark = FINALIZER if how == "foreground" else f"{FINALIZER}/{how}"
    await cluster.patch(ref, {"metadata": {"finalizers": [*kept, *([mark] if cascades else ())]}})
    try:
        await cluster.client.delete(ref, uid=str(app["metadata"]["uid"]))
    except ApiError as error:
        if error.status == 404:  # it waited for nothing but its finalizer
            return
        raise ComplaintError(f"cannot delete {ref.name}: {error.message}", code=Exit.ERROR) from None
    show([f"application/{ref.name} {'is being deleted with its objects' if cascades else 'deleted'}"])


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
