"""`rollouts app edit|patch`: an Application as its text, changed by hand or by a patch."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_resource import TYPES, read_patch
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import output_option, show, show_object
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.kube.ref import Manifest


@kube_command("edit", examples="EDITOR=vi rollouts app edit web -n argocd")
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.pass_context
def edit(ctx: click.Context, /, name: str) -> None:
    """Change an Application's spec in an editor: $KUBE_EDITOR, $VISUAL or $EDITOR."""
    import yaml

    from rollouts.cli.connection import open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            before = yaml.safe_dump(app["spec"], sort_keys=False, allow_unicode=True)
            after = click.edit(before, editor=os.environ.get("KUBE_EDITOR"), extension=".yaml")
            if after is None or after == before:
                show([f"application/{name} is left as it is"])
                return
            try:
                change = {"op": "replace", "path": "/spec", "value": _spec(app, after)}
                # Nobody else may have written meanwhile, or the editor's text would undo it.
                guard = {"op": "test", "path": "/metadata/resourceVersion", "value": app["metadata"]["resourceVersion"]}
                await cluster.patch(apps.place(cluster, name), [guard, change], form="json")
            except ComplaintError as complaint:
                raise ComplaintError(complaint.message, fix=f"your text is kept in {_kept(after)}") from None
            show([f"application/{name} changed"])

    run(once())


@kube_command(
    "patch",
    examples="""
    rollouts app patch web -n argocd --patch '[{"op":"replace","path":"/spec/source/targetRevision","value":"v2"}]'
    rollouts app patch web --type merge --patch '{"spec":{"source":{"targetRevision":"v2"}}}'
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--patch", required=True, help="The patch, as JSON.")
@click.option(
    "--type", "patch_type", type=click.Choice(list(TYPES)), default="json", show_default=True, help="Its form."
)
@output_option()
@click.pass_context
def patch_command(ctx: click.Context, /, name: str, patch: str, patch_type: str, output: str | None) -> None:
    """Change an Application by a patch."""
    from rollouts.cli.connection import open_cluster, run

    form = TYPES[patch_type]
    body = read_patch(patch, form)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            await apps.found(cluster, name)
            after = await cluster.patch(apps.place(cluster, name), body, form=form)
            if output:
                show_object(APPLICATION, after, output)
            else:
                show([f"application/{name} changed"])

    run(once())


def _spec(app: Manifest, text: str) -> Any:
    """The spec that was written. Raises ComplaintError where it is none."""
    from rollouts.api.parse import parse_application
    from rollouts.kit import strictyaml

    try:
        documents = strictyaml.read(text, "spec")
    except strictyaml.YamlError as error:
        raise ComplaintError(str(error)) from None
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise ComplaintError("spec: one object is wanted")
    spec = documents[0].value
    if (parsed := parse_application({**app, "spec": spec})).spec is None:
        raise ComplaintError(str(parsed.refusals[0]))
    return spec


def _kept(text: str) -> Path:
    """What was written is not lost where it cannot be used."""
    number, path = tempfile.mkstemp(prefix="rollouts-edit-", suffix=".yaml")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(path)
