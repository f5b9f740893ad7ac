"""`rollouts app get-resource|delete-resource|patch-resource`: single objects of an Application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_objects import choice_options, chosen, chosen_of, hidden
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import bare, show, show_data
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rollouts.shell.client import Form

TYPES: Mapping[str, Form] = {
    "merge": "merge",
    "application/merge-patch+json": "merge",
    "json": "json",
    "application/json-patch+json": "json",
}


@kube_command(
    "get-resource",
    examples="""
    rollouts app get-resource web -n argocd --kind Deployment
    rollouts app get-resource web --kind Pod -o json
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@choice_options(several=False)
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Form.")
@click.pass_context
def get_resource(ctx: click.Context, /, name: str, output: str, **given: Any) -> None:
    """Print objects of an Application as they are in the cluster; Secrets without their values."""
    from dataclasses import replace

    from rollouts.cli.connection import open_cluster, run

    wanted = replace(chosen_of(given), is_all=True)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            for ref, live in await chosen(cluster, await apps.found(cluster, name), wanted):
                shown = hidden(live) if ref.kind.name == "Secret" else bare(live)
                typed = {"apiVersion": ref.kind.api_version, "kind": ref.kind.name, **shown}
                show_data(typed, output, compact=output == "yaml")

    run(once())


@kube_command(
    "delete-resource",
    examples="""
    rollouts app delete-resource web -n argocd --kind Pod --resource-name web-7d4b9-x2x7k
    rollouts app delete-resource web --kind ReplicaSet --all --orphan
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@choice_options()
@click.option("--orphan", is_flag=True, help="What it owns stays.")
@click.option("--force", is_flag=True, help="At once, without the time that it may take to end.")
@click.pass_context
def delete_resource(ctx: click.Context, /, name: str, orphan: bool, force: bool, **given: Any) -> None:
    """Delete objects of an Application; a self-healing one brings back what git names."""
    from rollouts.cli.connection import open_cluster, run
    from rollouts.shell.client import ApiError

    wanted = chosen_of(given)
    if not wanted.kind:
        raise click.UsageError("name the --kind", ctx)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            for ref, live in await chosen(cluster, await apps.found(cluster, name), wanted):
                how = "Orphan" if orphan else "Background" if force else "Foreground"
                uid = str(live["metadata"]["uid"])
                try:
                    await cluster.client.delete(ref, uid=uid, propagation=how, grace_s=0 if force else None)
                except ApiError as error:
                    raise ComplaintError(f"cannot delete {ref}: {error.message}") from None
                show([f"{ref} deleted"])

    run(once())


@kube_command(
    "patch-resource",
    examples="""
    rollouts app patch-resource web -n argocd --kind Deployment --patch '{"spec":{"replicas":3}}'
    rollouts app patch-resource web --kind Service --patch-type json --patch '[{"op":"remove","path":"/spec/type"}]'
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@choice_options()
@click.option("--patch", required=True, help="The patch, as JSON.")
@click.option("--patch-type", type=click.Choice(list(TYPES)), default="merge", show_default=True, help="Its form.")
@click.pass_context
def patch_resource(ctx: click.Context, /, name: str, patch: str, patch_type: str, **given: Any) -> None:
    """Change objects of an Application in the cluster; a self-healing one takes back what git names."""
    from rollouts.cli.connection import open_cluster, run

    wanted = chosen_of(given)
    if not wanted.kind:
        raise click.UsageError("name the --kind", ctx)
    form = TYPES[patch_type]
    body = read_patch(patch, form)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            for ref, _ in await chosen(cluster, await apps.found(cluster, name), wanted):
                await cluster.patch(ref, body, form=form)
                show([f"{ref} patched"])

    run(once())


def read_patch(text: str, form: Form) -> Any:
    """A patch that was typed. Raises ComplaintError where it is none."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ComplaintError(f"--patch is no JSON: {error}", code=Exit.USAGE) from None
    wanted, name = (list, "a list of operations") if form == "json" else (dict, "an object")
    if not isinstance(found, wanted):
        raise ComplaintError(f"--patch: {name} is wanted", code=Exit.USAGE)
    return found
