"""`rollouts list rollouts`: many Rollouts as a table."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable

import click

from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import (
    bare,
    full_name,
    listing,
    no_color_option,
    output_option,
    redraw,
    show,
    show_data,
    style,
)
from rollouts.kube.kinds import ROLLOUT
from rollouts.kube.ref import Manifest

_HERE = "rollouts.cli.list"


@click.group(
    "list",
    cls=LazyGroup,
    table={
        "rollouts": Lazy(_HERE, "List Rollouts.", "rollouts"),
        "rollout": Lazy(_HERE, "List Rollouts.", "rollouts", hidden=True),
        "ro": Lazy(_HERE, "List Rollouts.", "rollouts", hidden=True),
    },
)
def command() -> None:
    """List Rollouts."""


@kube_command(
    "rollouts",
    examples="""
    rollouts list rollouts
    rollouts list ro -A --watch
    rollouts list ro -l team=pay -o wide
    """,
)
@click.option("-A", "--all-namespaces", is_flag=True, help="In every namespace.")
@click.option("--name", default="", help="Only the Rollout of this name.")
@click.option("-l", "--selector", default="", help="Only those with these labels, for example team=pay.")
@click.option("-w", "--watch", is_flag=True, help="Draw again at every change.")
@click.option("--timestamps", is_flag=True, help="With --watch in a pipe: begin each table with the time.")
@output_option()
@no_color_option
@click.pass_context
def rollouts(ctx: click.Context, /, output: str | None, no_color: bool, **chosen: str | bool) -> None:
    """List Rollouts."""
    from rollouts.cli.connection import Query, open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            everywhere = bool(chosen["all_namespaces"])
            query = Query(
                ROLLOUT,
                "" if everywhere else cluster.namespace,
                labels=str(chosen["selector"]),
                fields=f"metadata.name={chosen['name']}" if chosen["name"] else "",
            )
            face = _Face(output, no_color, everywhere, bool(chosen["timestamps"]), cluster.namespace)
            if chosen["watch"]:
                from rollouts.cli.live import follow

                pictures = follow(cluster, [query], ticking=sys.stdout.isatty() and output in (None, "wide"))
                async for _ in face.watch(found[ROLLOUT] async for found in pictures):
                    pass
            else:
                face.show((await cluster.list(query)).items)

    run(once())


class _Face:
    """How this list was asked to look."""

    def __init__(self, output: str | None, no_color: bool, everywhere: bool, timestamps: bool, space: str) -> None:
        self.output, self.everywhere, self.timestamps, self.space = output, everywhere, timestamps, space
        self.style = style(no_color=no_color)
        self.last: object = None

    def lines(self, found: Iterable[Manifest]) -> list[str]:
        """The table, or the sentence that there is nothing."""
        from rollouts.cli.connection import now
        from rollouts.view import rows

        made = rows.rollouts(found, now(), self.style, namespaces=self.everywhere, wide=self.output == "wide")
        return made if len(made) > 1 else ["No rollouts found" + ("." if self.everywhere else f" in {self.space}.")]

    def show(self, found: Iterable[Manifest]) -> None:
        """One answer, whole."""
        ordered = sorted(found, key=lambda each: (each["metadata"].get("namespace", ""), each["metadata"]["name"]))
        if self.output in ("json", "yaml"):
            show_data(listing(ROLLOUT, ordered), self.output)
        elif self.output == "name":
            show(full_name(ROLLOUT, each) for each in ordered)
        else:
            show(self.lines(ordered))

    async def watch(self, pictures: AsyncIterator[tuple[Manifest, ...]]) -> AsyncIterator[None]:
        """Tables as they change; with -o json each changed Rollout on a line of its own."""
        from rollouts.cli.connection import now

        told: dict[str, Manifest] = {}
        async for found in pictures:
            if self.output in ("json", "yaml", "name"):
                for each in found:
                    if told.get(each["metadata"]["uid"]) != each:
                        self._show_one(each)
                told = {each["metadata"]["uid"]: each for each in found}
            elif sys.stdout.isatty():
                redraw(self.lines(found), first=self.last is None)
                self.last = found
            elif (lines := self.lines(found)) != self.last:
                show([*([] if self.last is None else [""]), *([now().rfc3339()] if self.timestamps else []), *lines])
                self.last = lines
            yield

    def _show_one(self, manifest: Manifest) -> None:
        if self.output == "name":
            show([full_name(ROLLOUT, manifest)])
        else:
            typed = {"apiVersion": ROLLOUT.api_version, "kind": ROLLOUT.name, **bare(manifest)}
            show_data(typed, self.output or "json", compact=True)
