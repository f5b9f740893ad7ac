"""`rollouts why NAME`: what holds a Rollout, or what aborted it, in a sentence with the numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rollouts.cli.complete import NameParam
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import VALUE_FORMATS, output_option, show, show_value
from rollouts.kube.kinds import ROLLOUT

if TYPE_CHECKING:
    from rollouts.view.facts import World


@kube_command(
    "why",
    examples="""
    rollouts why web
    rollouts why web -o json
    rollouts why web -o jsonpath='{.sentence}'
    """,
)
@click.argument("name", type=NameParam(ROLLOUT))
@output_option(*VALUE_FORMATS)
@click.pass_context
def command(ctx: click.Context, name: str, output: str | None) -> None:
    """Say what holds a Rollout, or what aborted it, in a sentence with the numbers.

    `explain` asks the controller's own rules instead, and prints what they would write now.
    """
    from rollouts.cli import connection as wire

    async def once() -> World:
        async with wire.open_cluster(connection(ctx)) as cluster:
            from rollouts.cli import read

            return await read.world(cluster, name)

    found = wire.run(once())
    from rollouts.view.style import clean
    from rollouts.view.why import lines, why

    answer = why(found, wire.now())
    if output:
        show_value({**asdict(answer), "evidence": list(answer.evidence)}, output)
    else:
        show(clean(line) for line in lines(answer))
