"""`rollouts get rollout NAME`: one Rollout as a tree, once or for as long as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import click

from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import bare, full_name, no_color_option, output_option, redraw, show, show_data, style

_HERE = "rollouts.cli.get"


@click.group(
    "get",
    cls=LazyGroup,
    table={
        "rollout": Lazy(_HERE, "Show one Rollout as a tree.", "rollout"),
        "rollouts": Lazy(_HERE, "Show one Rollout as a tree.", "rollout", hidden=True),
        "ro": Lazy(_HERE, "Show one Rollout as a tree.", "rollout", hidden=True),
    },
)
def command() -> None:
    """Show one Rollout with its revisions, ReplicaSets, pods and AnalysisRuns."""


@kube_command(
    "rollout",
    examples="""
    rollouts get rollout web
    rollouts get rollout web -n shop --watch
    rollouts get ro web -o wide      # also what each metric measured, and the last events
    rollouts get ro web -o yaml
    """,
)
@click.argument("name")
@click.option("-w", "--watch", is_flag=True, help="Draw again at every change.")
@click.option(
    "--timeout-seconds",
    type=click.IntRange(min=0),
    default=0,
    help="With --watch: end with exit code 3 after so many seconds; 0: never.",
)
@output_option()
@no_color_option
@click.pass_context
def rollout(
    ctx: click.Context, name: str, watch: bool, timeout_seconds: int, output: str | None, no_color: bool
) -> None:
    """Show one Rollout as a tree."""
    from rollouts.cli.connection import run

    async def once() -> None:
        from rollouts.cli import connection as wire
        from rollouts.cli import read

        async with wire.open_cluster(connection(ctx)) as cluster:
            if watch:
                from rollouts.cli.live import within

                pictures = _watch(cluster, name, output, no_color=no_color)
                await within(pictures, timeout_seconds, f"rollout {name!r} watch")
            elif output in ("json", "yaml", "name"):
                _show_object(await read.rollout(cluster, name), output)
            else:
                found = await read.world(cluster, name, events=output == "wide")
                show(_page(found, output, no_color=no_color))

    run(once())


def _page(found: object, output: str | None, *, no_color: bool) -> list[str]:
    from rollouts.cli.connection import now
    from rollouts.view.facts import World
    from rollouts.view.page import page

    assert isinstance(found, World)
    return page(found, now(), style(no_color=no_color), wide=output == "wide")


def _show_object(manifest: object, output: str, *, compact: bool = False) -> None:
    from rollouts.kube.kinds import ROLLOUT

    assert isinstance(manifest, dict)
    if output == "name":
        show([full_name(ROLLOUT, manifest)])
    else:
        typed = {"apiVersion": ROLLOUT.api_version, "kind": ROLLOUT.name, **bare(manifest)}
        show_data(typed, output, compact=compact)


async def _watch(cluster: object, name: str, output: str | None, *, no_color: bool) -> AsyncIterator[None]:
    """Each picture as it comes: redrawn on a terminal, appended in a pipe, one JSON document a line with -o json."""
    import sys

    from rollouts.cli import read
    from rollouts.cli.connection import Cluster
    from rollouts.cli.live import follow
    from rollouts.kube.kinds import ANALYSIS_RUN, ROLLOUT

    assert isinstance(cluster, Cluster)
    root = await read.rollout(cluster, name)
    wanted = read.queries(root, events=output == "wide")
    as_data = output in ("json", "yaml", "name")
    terminal = sys.stdout.isatty() and not as_data
    last: object = None
    async for found in follow(cluster, [wanted[ROLLOUT]] if as_data else wanted.values(), ticking=terminal):
        if not found[ROLLOUT]:
            raise await read.missing(cluster, name)
        first, shown = last is None, found[ROLLOUT][0]
        if as_data and shown != last:
            _show_object(shown, output or "json", compact=True)
            last = shown
        elif not as_data:
            made = await read.jobs(cluster, shown, found[ANALYSIS_RUN])
            lines = _page(read.assembled(shown, found, made), output, no_color=no_color)
            if terminal:
                redraw(lines, first=first)
            elif lines != last:
                show([*([] if first else [""]), *lines])
            last = lines
        yield
