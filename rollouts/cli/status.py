"""`rollouts status NAME`: wait for the end of an update; the exit code says how it ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from rollouts.cli.complete import NameParam
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import SpanParam, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import output_option, show, show_data, show_object
from rollouts.kube.kinds import ROLLOUT

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Manifest


@kube_command(
    "status",
    examples="""
    rollouts status web                   # until it is Healthy (0) or Degraded (2)
    rollouts status web --timeout 10m     # exit code 3 when the time is up
    rollouts status web --stop-at-pause   # exit code 4 as soon as it waits for a person
    rollouts status web --watch=false
    """,
)
@click.argument("name", type=NameParam(ROLLOUT))
@click.option("-w/-W", "--watch/--no-watch", default=True, show_default=True, help="Wait for Healthy or Degraded.")
@click.option("-t", "--timeout", "timeout_s", type=SpanParam(), default=0, help="Give up after this span; 0: never.")
@click.option("--stop-at-pause", is_flag=True, help="End with exit code 4 where only a person can let it go on.")
@output_option()
@click.pass_context
def command(
    ctx: click.Context, name: str, watch: bool, timeout_s: float, stop_at_pause: bool, output: str | None
) -> None:
    """Wait for the end of an update and say how it ended."""
    from rollouts.cli.connection import open_cluster, run

    teller = _Teller(output, stop_at_pause)

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            from rollouts.cli import read

            if watch:
                from rollouts.cli.live import within

                await within(_phases(cluster, name, teller), timeout_s, "Rollout status watch")
            else:
                teller.tell(await read.rollout(cluster, name))

    run(once())


@dataclass(frozen=True, slots=True)
class _Teller:
    """How a phase is told, and which phases end the command."""

    output: str | None
    stops_at_pause: bool

    def tell(self, rollout: Manifest, *, compact: bool = False) -> None:
        """Print the phase; Degraded is a complaint with exit code 2, a pause without end may be one with 4."""
        from rollouts.view import facts
        from rollouts.view.phase import phase_of

        phase, name = phase_of(rollout), rollout["metadata"]["name"]
        if self.output in ("json", "yaml"):
            told = {
                "namespace": rollout["metadata"].get("namespace", ""),
                "name": name,
                "phase": phase.name,
                "message": phase.message,
                "step": facts.step_index(rollout),
                "steps": len(facts.steps(rollout)),
                "setWeight": facts.set_weight(rollout),
            }
            show_data(told, self.output, compact=compact)
        elif self.output:
            show_object(ROLLOUT, rollout, self.output, compact=compact)
        else:
            # The contract's one look names a final phase alone; its message is in the complaint.
            show([str(phase) if compact or not phase.is_final else phase.name])
        if phase.name == "Degraded":
            raise ComplaintError(
                f"The rollout is in a degraded state with message: {phase.message}",
                fix=f"rollouts why {name}",
                code=Exit.DEGRADED,
            )
        if self.stops_at_pause and phase.name == "Paused" and (wait := facts.human_wait(rollout)):
            raise ComplaintError(f"The rollout waits for a person: {wait}", fix=_way_on(rollout), code=Exit.WAITS)


def _way_on(rollout: Manifest) -> str:
    name = rollout["metadata"]["name"]
    return f"rollouts {'resume' if (rollout.get('spec') or {}).get('paused') else 'promote'} {name}"


async def _phases(cluster: Cluster, name: str, teller: _Teller) -> AsyncGenerator[None, None]:
    """Each new phase as it comes, until the last one."""
    from rollouts.cli import read
    from rollouts.cli.live import follow
    from rollouts.view.phase import phase_of

    root = await read.rollout(cluster, name)
    last = None
    async with aclosing(follow(cluster, [read.queries(root)[ROLLOUT]])) as pictures:
        async for found in pictures:
            if not found[ROLLOUT]:
                raise await read.missing(cluster, ROLLOUT, name)
            phase = phase_of(found[ROLLOUT][0])
            if phase != last:
                teller.tell(found[ROLLOUT][0], compact=True)
                last = phase
            if phase.is_final:
                return
            yield
