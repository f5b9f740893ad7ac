"""`rollouts app set|confirm-deletion`: what changes in an Application that is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_spec import changed, spec_options
from rollouts.cli.complete import names_of
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import show
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.kube.ref import Manifest

APPROVED = "argocd.argoproj.io/deletion-approved"


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
@spec_options
@click.pass_context
def set_command(ctx: click.Context, /, name: str, source_position: int, **chosen: Any) -> None:
    """Change what an Application says; what is not named stays."""
    change_spec(ctx, name, lambda spec: changed(spec, chosen, source_position))


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


def change_spec(ctx: click.Context, name: str, after: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Write an Application's spec anew as far as it changes, unless somebody else was quicker."""
    from rollouts.cli.connection import open_cluster, run
    from rollouts.kit import mergepatch

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            change = mergepatch.derive(app["spec"], after(app["spec"]))
            if not change:
                show([f"application/{name} is so already"])
                return
            await cluster.patch(apps.place(cluster, name), {"metadata": seen_version(app), "spec": change})
            show([f"application/{name} changed"])

    run(once())


def seen_version(app: Manifest) -> dict[str, str]:
    """The version that was seen: what somebody else changed in between must not be undone."""
    return {"resourceVersion": str(app["metadata"].get("resourceVersion") or "")}
