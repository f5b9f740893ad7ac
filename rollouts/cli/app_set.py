"""`rollouts app set|confirm-deletion`: what changes in an Application that is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import show
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.kube.ref import Manifest

APPROVED = "argocd.argoproj.io/deletion-approved"
_SOURCE = (("repoURL", "repo"), ("path", "path"), ("chart", "helm_chart"), ("targetRevision", "revision"))
_IMAGE_NAME = re.compile(r"[^=@]*?(?=[=@]|:[^/]*$|$)")


@kube_command(
    "set",
    examples="""
    rollouts app set web -n argocd --revision v1.2.0
    rollouts app set web -p image.tag=v1.2.0 --values values-production.yaml
    rollouts app set web --kustomize-image registry.example.com/web:v1.2.0
    rollouts app set web --sync-policy automated --auto-prune --self-heal
    rollouts app set web --sync-option CreateNamespace=true --sync-option '!Prune=false'
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--source-position", type=click.IntRange(min=1), default=1, show_default=True, help="Of several sources.")
@click.option("--repo", default=None, help="Address of the repository.")
@click.option("--path", default=None, help="Folder in the repository.")
@click.option("--helm-chart", default=None, help="Chart, where the repository holds charts.")
@click.option("--revision", default=None, help="Branch, tag, commit or range.")
@click.option("--project", default=None, help="AppProject.")
@click.option("--dest-server", default=None, help="Cluster by address.")
@click.option("--dest-name", default=None, help="Cluster by name.")
@click.option("--dest-namespace", default=None, help="Namespace of objects that name none.")
@click.option("--sync-policy", type=click.Choice(["none", "manual", "automated", "auto"]), default=None)
@click.option("--auto-prune/--no-auto-prune", default=None, help="Automated syncs delete what has left git.")
@click.option("--self-heal/--no-self-heal", default=None, help="Automated syncs undo what others change.")
@click.option("--allow-empty/--no-allow-empty", default=None, help="Automated syncs may leave nothing.")
@click.option("--sync-option", "sync_options", multiple=True, metavar="[!]NAME=VALUE", help="Added; with ! taken out.")
@click.option("--values", "value_files", multiple=True, metavar="FILE", help="Value files of a chart, all of them.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Parameter of a chart.")
@click.option("--kustomize-image", "images", multiple=True, help="Image override of a kustomization.")
@click.pass_context
def set_command(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Change what an Application says; what is not named stays."""
    from rollouts.cli.connection import open_cluster, run
    from rollouts.kit import mergepatch

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            change = mergepatch.derive(app["spec"], changed(app["spec"], chosen))
            if not change:
                show([f"application/{name} is so already"])
                return
            await cluster.patch(apps.place(cluster, name), {"metadata": seen_version(app), "spec": change})
            show([f"application/{name} changed"])

    run(once())


@kube_command("confirm-deletion", examples="rollouts app confirm-deletion web -n argocd")
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.pass_context
def confirm_deletion(ctx: click.Context, /, name: str) -> None:
    """Let go what a sync or a deletion waits for a person to confirm."""
    from rollouts.cli.connection import now, open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            await apps.found(cluster, name)
            mark = {"metadata": {"annotations": {APPROVED: now().rfc3339_whole()}}}
            await cluster.patch(apps.place(cluster, name), mark)
            show([f"application/{name} deletions confirmed"])

    run(once())


def changed(spec: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with what was chosen."""
    found = dict(spec)
    if chosen["project"] is not None:
        found["project"] = chosen["project"]
    found["destination"] = _destination(spec.get("destination") or {}, chosen)
    several = list(spec.get("sources") or ())
    position = chosen["source_position"]
    if position > max(1, len(several)):
        raise ComplaintError(f"there is no source {position}", code=Exit.USAGE)
    if several:
        several[position - 1] = _source(several[position - 1], chosen)
        found["sources"] = several
    else:
        found["source"] = _source(spec.get("source") or {}, chosen)
    if policy := _policy(spec.get("syncPolicy") or {}, chosen):
        found["syncPolicy"] = policy
    else:
        found.pop("syncPolicy", None)
    return found


def _destination(before: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(before)
    if chosen["dest_server"] or chosen["dest_name"]:
        found = {name: value for name, value in found.items() if name not in ("server", "name")}
    for field, option in (("server", "dest_server"), ("name", "dest_name"), ("namespace", "dest_namespace")):
        found |= {field: chosen[option]} if chosen[option] is not None else {}
    return found


def _source(before: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(before)
    for field, option in _SOURCE:
        found |= {field: chosen[option]} if chosen[option] is not None else {}
    helm = dict(found.get("helm") or {})
    if chosen["value_files"]:
        helm["valueFiles"] = list(chosen["value_files"])
    if chosen["parameters"]:
        known = {str(each.get("name")): each for each in helm.get("parameters") or ()}
        for text in chosen["parameters"]:
            name, equals, value = text.partition("=")
            if not equals:
                raise ComplaintError(f"{text!r}: write NAME=VALUE", code=Exit.USAGE)
            known[name] = {**known.get(name, {}), "name": name, "value": value}
        helm["parameters"] = list(known.values())
    if chosen["images"]:
        kustomize = dict(found.get("kustomize") or {})
        images = {image_name(each): each for each in (*(kustomize.get("images") or ()), *chosen["images"])}
        found["kustomize"] = {**kustomize, "images": list(images.values())}
    return found | ({"helm": helm} if helm else {})


def _policy(policy: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(policy)
    if chosen["sync_policy"] in ("none", "manual"):
        found.pop("automated", None)
    elif chosen["sync_policy"]:
        before = found.get("automated") or {}
        found["automated"] = {field: value for field, value in before.items() if field != "enabled"}
    for field, option in (("prune", "auto_prune"), ("selfHeal", "self_heal"), ("allowEmpty", "allow_empty")):
        if chosen[option] is None:
            continue
        if found.get("automated") is None:
            raise ComplaintError(f"--{option.replace('_', '-')} is for automated syncs", fix="--sync-policy automated")
        found["automated"] = {**found["automated"], field: chosen[option]}
    if chosen["sync_options"]:
        options = {each.partition("=")[0]: each for each in found.get("syncOptions") or ()}
        for text in chosen["sync_options"]:
            if text.startswith("!"):
                options.pop(text[1:].partition("=")[0], None)
            else:
                options[text.partition("=")[0]] = text
        found["syncOptions"] = list(options.values())
        if not options:
            found.pop("syncOptions")
    return found


def image_name(text: str) -> str:
    """The image that an override is for."""
    match = _IMAGE_NAME.match(text)
    return match.group() if match else text


def seen_version(app: Manifest) -> dict[str, str]:
    """The version that was seen: what somebody else changed in between must not be undone."""
    return {"resourceVersion": str(app["metadata"].get("resourceVersion") or "")}
