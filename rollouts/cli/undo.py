"""`rollouts undo NAME`: back to the pod template of an earlier revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rollouts.cli.acting import Manner, write_options
from rollouts.cli.complete import NameParam, revisions
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.kube.kinds import ROLLOUT

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster


@kube_command(
    "undo",
    examples="""
    rollouts undo web                   # to the revision before the newest
    rollouts undo web --to-revision 3
    """,
)
@click.argument("name", type=NameParam(ROLLOUT))
@click.option(
    "--to-revision",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The revision to go back to; 0: the one before the newest.",
    shell_complete=revisions(),
)
@write_options
@click.pass_context
def command(ctx: click.Context, name: str, to_revision: int, dry_run: str, output: str | None) -> None:
    """Go back to the pod template of an earlier revision, as an update like any other."""
    from rollouts.cli import connection as wire

    manner = Manner(dry_run, output)

    async def once() -> None:
        async with wire.open_cluster(connection(ctx), dry_run=dry_run == "server") as cluster:
            await _undo(cluster, name, to_revision, manner)

    wire.run(once())


async def _undo(cluster: Cluster, name: str, to_revision: int, manner: Manner) -> None:
    from rollouts.cli import read, writes
    from rollouts.cli.holder import holder

    found = await read.world(cluster, name)
    ref = holder(found.rollout)
    held = found.rollout if ref.kind == ROLLOUT else await cluster.find(ref)
    if held is None:
        raise ComplaintError(f"{ref} not found", code=Exit.NOT_FOUND)
    wish = writes.undo(found.rollout, found.replica_sets, held, to_revision)
    if wish.refusal:
        raise ComplaintError(wish.refusal, fix=wish.fix)
    said = f"rollout '{name}' undo"
    if not wish.operations:
        said = f"skipped rollback (current template already matches revision {wish.revision})"
    elif manner.dry_run != "client":
        held = await cluster.patch(ref, wish.operations, form="json")
    manner.tell(ref.kind, held, said)
