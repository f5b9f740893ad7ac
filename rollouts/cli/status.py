"""`rollouts status NAME`: wait for the end of an update; the exit code says how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import SpanParam, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import output_option, show, show_data

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Manifest


@kube_command(
    "status",
    examples="""
    rollouts status web                   # until it is Healthy (0) or Degraded (2)
    rollouts status web --timeout 10m     # exit code 3 when the time is up
    rollouts status web --watch=false
    """,
)
@click.argument("name")
@click.option("-w/-W", "--watch/--no-watch", default=True, show_default=True, help="Wait for Healthy or Degraded.")
@click.option("-t", "--timeout", "timeout_s", type=SpanParam(), default=0, help="Give up after this span; 0: never.")
@output_option("json", "yaml", "name")
@click.pass_context
def command(ctx: click.Context, name: str, watch: bool, timeout_s: float, output: str | None) -> None:
    """Wait for the end of an update and say how it ended."""
    from rollouts.cli.connection import open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            from rollouts.cli import read

            if watch:
                from rollouts.cli.live import within

                await within(_phases(cluster, name, output), timeout_s, "Rollout status watch")
            else:
                _tell(await read.rollout(cluster, name), output)

    run(once())


def _tell(rollout: Manifest, output: str | None, *, compact: bool = False) -> None:
    """Print the phase; Degraded is a complaint with exit code 2."""
    from rollouts.kube.kinds import ROLLOUT
    from rollouts.view import facts
    from rollouts.view.phase import phase_of

    phase, name = phase_of(rollout), rollout["metadata"]["name"]
    if output == "name":
        show([f"{ROLLOUT.name.lower()}.{ROLLOUT.group}/{name}"])
    elif output:
        told = {
            "namespace": rollout["metadata"].get("namespace", ""),
            "name": name,
            "phase": phase.name,
            "message": phase.message,
            "step": facts.step_index(rollout),
            "steps": len(facts.steps(rollout)),
            "setWeight": facts.set_weight(rollout),
        }
        show_data(told, output, compact=compact)
    else:
        show([str(phase)])
    if phase.name == "Degraded":
        raise ComplaintError(
            f"The rollout is in a degraded state with message: {phase.message}",
            fix=f"rollouts get rollout {name} -o wide",
            code=Exit.DEGRADED,
        )


async def _phases(cluster: Cluster, name: str, output: str | None) -> AsyncIterator[None]:
    """Each new phase as it comes, until the last one."""
    from rollouts.cli import read
    from rollouts.cli.live import follow
    from rollouts.kube.kinds import ROLLOUT
    from rollouts.view.phase import phase_of

    root = await read.rollout(cluster, name)
    last = None
    async for found in follow(cluster, [read.queries(root)[ROLLOUT]]):
        if not found[ROLLOUT]:
            raise await read.missing(cluster, name)
        phase = phase_of(found[ROLLOUT][0])
        if phase != last:
            _tell(found[ROLLOUT][0], output, compact=True)
            last = phase
        if phase.is_final:
            return
        yield
