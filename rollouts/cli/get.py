"""`rollouts get rollout|experiment NAME`: one object as a tree, once or for as long as it changes."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.complete import NameParam
from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import PAGE_FORMATS, is_data, no_color_option, output_option, redraw, show, show_object, style
from rollouts.kube.kinds import ANALYSIS_RUN, EXPERIMENT, ROLLOUT

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Kind
    from rollouts.view.facts import World

_HERE = "rollouts.cli.get"
_ROLLOUT, _EXPERIMENT = "Show one Rollout as a tree.", "Show one Experiment as a tree."


@click.group(
    "get",
    cls=LazyGroup,
    table={
        "rollout": Lazy(_HERE, _ROLLOUT, "rollout"),
        "rollouts": Lazy(_HERE, _ROLLOUT, "rollout", hidden=True),
        "ro": Lazy(_HERE, _ROLLOUT, "rollout", hidden=True),
        "experiment": Lazy(_HERE, _EXPERIMENT, "experiment"),
        "experiments": Lazy(_HERE, _EXPERIMENT, "experiment", hidden=True),
        "exp": Lazy(_HERE, _EXPERIMENT, "experiment", hidden=True),
    },
    usual="rollout",
)
def command() -> None:
    """Show one Rollout or Experiment with its revisions, ReplicaSets, pods and AnalysisRuns."""


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command here."""
    for option in (
        no_color_option,
        output_option(*PAGE_FORMATS),
        click.option(
            "--timeout-seconds",
            type=click.IntRange(min=0),
            default=0,
            help="With --watch: end with exit code 3 after so many seconds; 0: never.",
        ),
        click.option("-w", "--watch", is_flag=True, help="Draw again at every change."),
    ):
        function = option(function)
    return function


@kube_command(
    "rollout",
    examples="""
    rollouts get rollout web
    rollouts get rollout web -n shop --watch
    rollouts get ro web -o wide      # also what each metric measured, and the last events
    rollouts get ro web -o jsonpath='{.status.phase}'
    """,
)
@click.argument("name", type=NameParam(ROLLOUT))
@_options
@click.pass_context
def rollout(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Show one Rollout as a tree."""
    look(ctx, ROLLOUT, name, Look(**chosen))


@kube_command(
    "experiment",
    examples="""
    rollouts get experiment web-6b56c8cdb4-2-0
    rollouts get exp web-6b56c8cdb4-2-0 --watch
    """,
)
@click.argument("name", type=NameParam(EXPERIMENT))
@_options
@click.pass_context
def experiment(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Show one Experiment as a tree."""
    look(ctx, EXPERIMENT, name, Look(**chosen))


@dataclass(frozen=True, slots=True)
class Look:
    """How an object is to be shown. output: the form that was asked for, None for a person's page."""

    watch: bool = False
    timeout_seconds: int = 0
    output: str | None = None
    no_color: bool = False


def look(ctx: click.Context, kind: Kind, name: str, wish: Look) -> None:
    """Show one object, once or for as long as it changes."""
    from rollouts.cli import connection as wire

    async def once() -> None:
        from rollouts.cli import read

        async with wire.open_cluster(connection(ctx)) as cluster:
            if wish.watch:
                from rollouts.cli.live import within

                what = f"{kind.name.lower()} {name!r} watch"
                await within(_watch(cluster, kind, name, wish), wish.timeout_seconds, what)
            elif is_data(wish.output):
                show_object(kind, await read.named(cluster, kind, name), str(wish.output))
            else:
                show(_page(kind, wish, await read.world(cluster, name, kind, events=wish.output == "wide")))

    wire.run(once())


def _page(kind: Kind, wish: Look, found: World) -> list[str]:
    from rollouts.cli.connection import now
    from rollouts.view import page

    draw = page.page if kind == ROLLOUT else page.experiment
    return draw(found, now(), style(no_color=wish.no_color), wide=wish.output == "wide")


async def _watch(cluster: Cluster, kind: Kind, name: str, wish: Look) -> AsyncGenerator[None, None]:
    """Each picture as it comes: redrawn on a terminal, appended in a pipe, one JSON document a line with -o json."""
    from rollouts.cli import read
    from rollouts.cli.live import follow

    as_data = is_data(wish.output)
    root = await read.named(cluster, kind, name)
    wanted = read.queries(root, kind, events=wish.output == "wide")
    terminal = sys.stdout.isatty() and not as_data
    last: object = None
    queries = [wanted[kind]] if as_data else list(wanted.values())
    async with aclosing(follow(cluster, queries, ticking=terminal)) as pictures:
        async for found in pictures:
            if not found[kind]:
                raise await read.missing(cluster, kind, name)
            first, shown = last is None, found[kind][0]
            if as_data and shown != last:
                show_object(kind, shown, str(wish.output), compact=True, headed=first)
                last = shown
            elif not as_data:
                made = await read.jobs(cluster, shown, found[ANALYSIS_RUN])
                lines = _page(kind, wish, read.assembled(shown, found, made))
                if terminal:
                    redraw(lines, first=first)
                elif lines != last:
                    show([*([] if first else [""]), *lines])
                last = lines
            yield
