"""`rollouts timeline NAME`: weights, steps and verdicts of this and past revisions, as text, JSON, SVG or PNG."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rollouts.cli.complete import NameParam
from rollouts.cli.errors import ComplaintError
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import VALUE_FORMATS, emit, no_color_option, output_option, show, show_value, style
from rollouts.kube.kinds import ROLLOUT

if TYPE_CHECKING:
    from rollouts.view.facts import World


@kube_command(
    "timeline",
    examples="""
    rollouts timeline web
    rollouts timeline web --last 1 --all-events
    rollouts timeline web -o svg --to web.svg
    """,
)
@click.argument("name", type=NameParam(ROLLOUT))
@click.option("--last", type=click.IntRange(min=0), default=3, show_default=True, metavar="N",
              help="How many of the newest revisions; 0: all.")  # fmt: skip
@click.option("--all-events", is_flag=True, help="Tell of scaling and routes, too.")
@output_option("svg", "png", *VALUE_FORMATS)
@click.option("--to", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@no_color_option
@click.pass_context
def command(
    ctx: click.Context, name: str, last: int, all_events: bool, output: str | None, path: Path | None, no_color: bool
) -> None:
    """Tell what happened to a Rollout: weights, steps, pauses and verdicts, of this and past revisions.

    The story is told from Events, which the API server keeps for an hour unless told otherwise, from AnalysisRuns and
    from ReplicaSets.
    """
    from rollouts.cli import connection as wire

    async def once() -> World:
        async with wire.open_cluster(connection(ctx)) as cluster:
            from rollouts.cli import read

            return await read.world(cluster, name, events=True)

    found = wire.run(once())
    from rollouts.view import facts
    from rollouts.view.timeline import as_data, lines, timeline

    moments = timeline(found, wire.now(), revisions=last, everything=all_events)
    total = facts.weight_total(found.rollout)
    if output in ("svg", "png"):
        from rollouts.view.picture import picture

        title = f"{found.rollout['metadata'].get('namespace', '')}/{name}"
        _write(picture(title, moments, total=total), output, path)
    elif path is not None:
        raise click.UsageError("--to goes with -o svg or -o png", ctx)
    elif output:
        show_value(as_data(moments), output)
    else:
        show(lines(moments, style(no_color=no_color), total=total))


def _write(drawn: object, output: str, path: Path | None) -> None:
    from rollouts.view.picture import Picture, svg

    assert isinstance(drawn, Picture)
    if output == "svg" and path is None:
        emit(svg(drawn))
        return
    if output == "png" and path is None and sys.stdout.isatty():
        raise ComplaintError("a PNG is no text for a terminal", fix="name a file with --to")
    from rollouts.cli.png import png

    content = svg(drawn).encode() if output == "svg" else png(drawn)
    if path is None:
        sys.stdout.buffer.write(content)
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ComplaintError(f"{path}: {error.strerror}") from None
