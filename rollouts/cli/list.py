"""`rollouts list rollouts|experiments`: many objects as a table."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import (
    PAGE_FORMATS,
    is_data,
    no_color_option,
    output_option,
    redraw,
    show,
    show_object,
    show_objects,
    style,
)
from rollouts.kube.kinds import EXPERIMENT, ROLLOUT

if TYPE_CHECKING:
    from rollouts.kube.ref import Kind, Manifest
    from rollouts.view.rows import Columns

_HERE = "rollouts.cli.list"


@click.group(
    "list",
    cls=LazyGroup,
    table={
        "rollouts": Lazy(_HERE, "List Rollouts.", "rollouts"),
        "rollout": Lazy(_HERE, "List Rollouts.", "rollouts", hidden=True),
        "ro": Lazy(_HERE, "List Rollouts.", "rollouts", hidden=True),
        "experiments": Lazy(_HERE, "List Experiments.", "experiments"),
        "experiment": Lazy(_HERE, "List Experiments.", "experiments", hidden=True),
        "exp": Lazy(_HERE, "List Experiments.", "experiments", hidden=True),
    },
)
def command() -> None:
    """List Rollouts or Experiments."""


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every list."""
    for option in (
        no_color_option,
        output_option(*PAGE_FORMATS),
        click.option("--timestamps", is_flag=True, help="Begin each line with the time."),
        click.option("-w", "--watch", is_flag=True, help="Draw again at every change; in a pipe, add what changed."),
        click.option("-l", "--selector", default="", help="Only those with these labels, for example team=pay."),
        click.option("--field-selector", default="", help="Only those with these fields, e.g. metadata.name=web."),
        click.option("--name", default="", help="Only the one of this name."),
        click.option("-A", "--all-namespaces", is_flag=True, help="In every namespace."),
    ):
        function = option(function)
    return function


@kube_command(
    "rollouts",
    examples="""
    rollouts list rollouts
    rollouts list ro -A --watch
    rollouts list ro -l team=pay -o custom-columns=NAME:.metadata.name,PHASE:.status.phase
    rollouts list ro -o go-template='{{range .items}}{{.metadata.name}} {{.status.phase}}{{"\\n"}}{{end}}'
    """,
)
@_options
@click.pass_context
def rollouts(ctx: click.Context, /, **chosen: Any) -> None:
    """List Rollouts."""
    _list(ctx, ROLLOUT, **chosen)


@kube_command(
    "experiments",
    examples="""
    rollouts list experiments
    rollouts list exp -A -o wide
    """,
)
@_options
@click.pass_context
def experiments(ctx: click.Context, /, **chosen: Any) -> None:
    """List Experiments."""
    _list(ctx, EXPERIMENT, **chosen)


def _list(ctx: click.Context, kind: Kind, /, output: str | None, no_color: bool, **chosen: Any) -> None:
    from rollouts.cli import connection as wire
    from rollouts.view.rows import Columns

    async def once() -> None:
        async with wire.open_cluster(connection(ctx)) as cluster:
            everywhere = bool(chosen["all_namespaces"])
            named = f"metadata.name={chosen['name']}" if chosen["name"] else ""
            query = wire.Query(
                kind,
                "" if everywhere else cluster.namespace,
                labels=str(chosen["selector"]),
                fields=",".join(part for part in (named, chosen["field_selector"]) if part),
            )
            face = Face(kind, output, no_color, Columns(chosen["timestamps"], everywhere, output == "wide"))
            if chosen["watch"]:
                from rollouts.cli.live import follow, within

                pictures = follow(cluster, [query], ticking=sys.stdout.isatty() and not is_data(output))
                async with aclosing(pictures):
                    await within(face.watch(pictures), 0, "list")
            else:
                face.show((await cluster.list(query)).items)

    wire.run(once())


@dataclass(slots=True)
class Face:
    """How this list was asked to look. told: what each object's line said last, by uid; None before the first."""

    kind: Kind
    output: str | None
    no_color: bool
    columns: Columns
    told: Mapping[str, tuple[str, ...]] | None = None

    def lines(self, found: Iterable[Manifest]) -> list[str]:
        """The table with its headings."""
        from rollouts.cli.connection import now
        from rollouts.view import rows

        draw = rows.rollouts if self.kind == ROLLOUT else rows.experiments
        return draw(found, now(), style(no_color=self.no_color), self.columns)

    def news(self, found: Iterable[Manifest]) -> list[str]:
        """The lines that say something new, under the headings the first time."""
        from rollouts.view import rows

        cells, plain = rows.row if self.kind == ROLLOUT else rows.trial_row, style(no_color=True)
        objects, before = rows.ordered(found), self.told or {}
        says = {each["metadata"]["uid"]: cells(each, plain) for each in objects}
        headings, *lines = self.lines(objects)
        fresh = [line for line, (uid, said) in zip(lines, says.items(), strict=True) if before.get(uid) != said]
        is_first, self.told = self.told is None, says
        return [headings, *fresh] if is_first else fresh

    def show(self, found: Iterable[Manifest]) -> None:
        """One answer, whole."""
        from rollouts.view.rows import ordered

        objects = ordered(found)
        if is_data(self.output):
            show_objects(self.kind, objects, str(self.output))
        elif objects:
            show(self.lines(objects))
        else:
            click.echo("No resources found.", err=True)

    async def watch(
        self, pictures: AsyncGenerator[Mapping[Kind, tuple[Manifest, ...]], None]
    ) -> AsyncGenerator[None, None]:
        """The table again on a terminal; in a pipe, and as data, each changed object by itself."""
        told: dict[str, Manifest] = {}
        headed = first = True
        async for picture in pictures:
            found = picture[self.kind]
            if is_data(self.output):
                for each in found:
                    if told.get(each["metadata"]["uid"]) != each:
                        show_object(self.kind, each, str(self.output), compact=True, headed=headed)
                        headed = False
                told = {each["metadata"]["uid"]: each for each in found}
            elif sys.stdout.isatty():
                redraw(self.lines(found), first=first)
                first = False
            else:
                show(self.news(found))
            yield
