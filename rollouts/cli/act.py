"""`promote`, `abort`, `retry`, `pause`, `resume`: a person's word, carried out as the contract's API writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.cli.writes import Decision
    from rollouts.kube.ref import Manifest, Ref


@kube_command(
    "promote",
    examples="""
    rollouts promote web             # end the present pause or step
    rollouts promote web --full      # skip every remaining step and analysis
    """,
)
@click.argument("name")
@click.option("--full", is_flag=True, help="Skip all remaining steps, pauses and analyses.")
@click.pass_context
def promote(ctx: click.Context, name: str, full: bool) -> None:
    """End the present pause or step, or skip the rest of the update."""
    from rollouts.cli import writes

    _each(ctx, (name,), lambda rollout: writes.promote(rollout, full=full))


@kube_command(
    "abort",
    examples="""
    rollouts abort web
    rollouts abort web api -n shop
    """,
)
@click.argument("names", nargs=-1, required=True)
@click.pass_context
def abort(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Give all traffic back to the stable version and end the update."""
    from rollouts.cli import writes

    _each(ctx, names, writes.abort)


@kube_command(
    "pause",
    examples="""
    rollouts pause web
    """,
)
@click.argument("names", nargs=-1, required=True)
@click.pass_context
def pause(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Hold Rollouts where they are, until `resume`."""
    from rollouts.cli import writes

    _each(ctx, names, writes.pause)


@kube_command(
    "resume",
    examples="""
    rollouts resume web
    """,
)
@click.argument("names", nargs=-1, required=True)
@click.pass_context
def resume(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Lift a person's pause and the present step's pause; nothing else is skipped."""
    from rollouts.cli import writes

    _each(ctx, names, writes.resume)


@click.group(
    "retry",
    cls=LazyGroup,
    table={
        "rollout": Lazy("rollouts.cli.act", "Begin an aborted update again.", "retry_rollout"),
        "rollouts": Lazy("rollouts.cli.act", "Begin an aborted update again.", "retry_rollout", hidden=True),
        "ro": Lazy("rollouts.cli.act", "Begin an aborted update again.", "retry_rollout", hidden=True),
    },
)
def retry() -> None:
    """Begin an aborted update again, from its first step."""


@kube_command(
    "rollout",
    examples="""
    rollouts retry rollout web
    """,
)
@click.argument("names", nargs=-1, required=True)
@click.pass_context
def retry_rollout(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Begin an aborted update again, from its first step."""
    from rollouts.cli import writes

    _each(ctx, names, writes.retry)


def _each(ctx: click.Context, names: tuple[str, ...], decide: Callable[[Manifest], Decision]) -> None:
    """One word to several Rollouts: all are tried, and the first complaint gives the exit code."""
    from rollouts.cli import connection as wire

    async def all_of_them() -> None:
        from rollouts.cli import read
        from rollouts.kube.kinds import ROLLOUT
        from rollouts.kube.ref import Ref

        complaints: list[ComplaintError] = []
        async with wire.open_cluster(connection(ctx)) as cluster:
            for name in names:
                try:
                    decision = decide(await read.rollout(cluster, name))
                    if decision.refusal:
                        raise ComplaintError(decision.refusal, fix=decision.fix)
                    await carry_out(cluster, Ref(ROLLOUT, cluster.namespace, name), decision)
                except ComplaintError as complaint:
                    complaints.append(complaint)
                else:
                    click.echo(decision.said)
        for each in complaints[1:]:
            each.show()
        if complaints:
            raise complaints[0]

    wire.run(all_of_them())


async def carry_out(cluster: Cluster, ref: Ref, decision: Decision) -> None:
    """Write the status first, to its subresource; where the server has no such subresource, all to the object."""
    spec = decision.spec
    if decision.status is not None:
        try:
            await cluster.patch(ref, decision.status, subresource="status")
        except ComplaintError as complaint:
            if complaint.code != Exit.NOT_FOUND:
                raise
            spec = {**(decision.spec or {}), **decision.status}
    if spec is not None:
        await cluster.patch(ref, spec)
