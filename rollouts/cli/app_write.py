"""`rollouts app create|delete`: Applications that come and go."""

from __future__ import annotations

from typing import Any

import click

from rollouts.cli import app as apps
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import output_option, show, show_object
from rollouts.kube.kinds import APPLICATION

FINALIZER = "resources-finalizer.argocd.argoproj.io"
SERVER = "https://kubernetes.default.svc"


@kube_command(
    "create",
    examples="""
    rollouts app create web -n argocd --repo https://git.example.com/shop --path web --dest-namespace shop
    rollouts app create web --repo https://charts.example.com --helm-chart web --revision '^1' --dest-namespace shop
    rollouts app create web --repo ... --path web --dest-namespace shop --sync-policy automated --auto-prune --self-heal
    """,
)
@click.argument("name")
@click.option("--repo", required=True, help="Address of the repository.")
@click.option("--path", default="", help="Folder in the repository.")
@click.option("--helm-chart", default="", help="Chart, where the repository holds charts.")
@click.option("--revision", default="", help="Branch, tag, commit or range.")
@click.option("--project", default="default", show_default=True, help="AppProject.")
@click.option("--dest-server", default="", help=f"Cluster by address; {SERVER} by default.")
@click.option("--dest-name", default="", help="Cluster by name.")
@click.option("--dest-namespace", default="", help="Namespace of objects that name none.")
@click.option("--sync-policy", type=click.Choice(["none", "manual", "automated", "auto"]), default="none")
@click.option("--auto-prune", is_flag=True, help="Automated syncs delete what has left git.")
@click.option("--self-heal", is_flag=True, help="Automated syncs undo what others change.")
@click.option("--sync-option", "sync_options", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--values", "value_files", multiple=True, metavar="FILE", help="Value file of a chart.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Parameter of a chart.")
@click.option("--kustomize-image", "images", multiple=True, help="Image override of a kustomization.")
@click.option("--directory-recurse", is_flag=True, help="Folders below, too.")
@click.option("--label", "-l", "labels", multiple=True, metavar="NAME=VALUE")
@click.option("--set-finalizer", is_flag=True, help="Delete the objects with the Application.")
@click.option("--upsert", is_flag=True, help="Replace the spec of one that is there.")
@output_option()
@click.pass_context
def create(ctx: click.Context, /, name: str, upsert: bool, output: str | None, **chosen: Any) -> None:
    """Create an Application."""
    from rollouts.cli.connection import open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            ref = apps.place(cluster, name)
            body = _application(ref.namespace, ref.name, chosen)
            present = await cluster.find(ref)
            if present is None:
                made = await cluster.create(APPLICATION, ref.namespace, body)
            elif upsert:
                made = await cluster.patch(
                    ref, [{"op": "replace", "path": "/spec", "value": body["spec"]}], form="json"
                )
            else:
                raise ComplaintError(f"application {name} is there already", fix="--upsert replaces its spec")
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


def _application(namespace: str, name: str, chosen: dict[str, Any]) -> dict[str, Any]:
    source: dict[str, Any] = {"repoURL": chosen["repo"]}
    for field, option in (("path", "path"), ("chart", "helm_chart"), ("targetRevision", "revision")):
        source |= {field: chosen[option]} if chosen[option] else {}
    helm: dict[str, Any] = {"valueFiles": list(chosen["value_files"])} if chosen["value_files"] else {}
    helm |= {"parameters": [_pair(each) for each in chosen["parameters"]]} if chosen["parameters"] else {}
    source |= {"helm": helm} if helm else {}
    source |= {"kustomize": {"images": list(chosen["images"])}} if chosen["images"] else {}
    source |= {"directory": {"recurse": True}} if chosen["directory_recurse"] else {}
    where = {"name": chosen["dest_name"]} if chosen["dest_name"] else {"server": chosen["dest_server"] or SERVER}
    policy: dict[str, Any] = {}
    if chosen["sync_policy"] in ("automated", "auto"):
        policy["automated"] = {"prune": chosen["auto_prune"], "selfHeal": chosen["self_heal"]}
    policy |= {"syncOptions": list(chosen["sync_options"])} if chosen["sync_options"] else {}
    meta: dict[str, Any] = {"name": name, "namespace": namespace}
    meta |= {"labels": dict(each.split("=", 1) for each in chosen["labels"])} if chosen["labels"] else {}
    meta |= {"finalizers": [FINALIZER]} if chosen["set_finalizer"] else {}
    spec: dict[str, Any] = {
        "project": chosen["project"],
        "source": source,
        "destination": where | ({"namespace": chosen["dest_namespace"]} if chosen["dest_namespace"] else {}),
    }
    spec |= {"syncPolicy": policy} if policy else {}
    return {"apiVersion": APPLICATION.api_version, "kind": APPLICATION.name, "metadata": meta, "spec": spec}


def _pair(text: str) -> dict[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise ComplaintError(f"{text!r}: write NAME=VALUE", code=Exit.USAGE)
    return {"name": name, "value": value}
