"""`rollouts app list|get|history|resources`: what is known of Applications."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_objects import applied, owned
from rollouts.cli.complete import names_of
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
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
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Manifest


@kube_command(
    "list",
    examples="""
    rollouts app list -n argocd
    rollouts app list -A -o wide
    rollouts app list -l team=shop -o name
    """,
)
@click.option("-A", "--all-namespaces", is_flag=True, help="In every namespace.")
@click.option("-l", "--selector", default="", help="Only those with these labels.")
@click.option("-p", "--project", "projects", multiple=True, help="Only those of this project; may be repeated.")
@output_option(*PAGE_FORMATS)
@no_color_option
@click.pass_context
def list_command(ctx: click.Context, /, **chosen: Any) -> None:
    """List Applications."""
    from rollouts.cli.connection import Query, open_cluster, run
    from rollouts.view import apps as view

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            everywhere = bool(chosen["all_namespaces"])
            space = "" if everywhere else cluster.namespace
            items = (await cluster.list(Query(APPLICATION, space, labels=chosen["selector"]))).items
            wanted = set(chosen["projects"])
            items = tuple(each for each in items if not wanted or _project(each) in wanted)
            if is_data(chosen["output"]):
                show_objects(APPLICATION, items, chosen["output"])
                return
            wide = chosen["output"] == "wide"
            show(view.listing(items, style(no_color=chosen["no_color"]), namespaces=everywhere, wide=wide))

    run(once())


@kube_command(
    "get",
    examples="""
    rollouts app get web -n argocd
    rollouts app get web --refresh           # look at git again first
    rollouts app get web --watch
    rollouts app get web -o jsonpath='{.status.sync.status}'
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--refresh", is_flag=True, help="Look at git and the cluster again first.")
@click.option("--hard-refresh", is_flag=True, help="The same, and render anew.")
@click.option("-w", "--watch", is_flag=True, help="Draw again at every change.")
@output_option("tree", *PAGE_FORMATS)
@no_color_option
@click.pass_context
def get(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Show one Application as a tree with live health."""
    from rollouts.cli.app_sync import refresh
    from rollouts.cli.connection import open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            chosen["output"] = None if chosen["output"] == "tree" else chosen["output"]
            app = await apps.found(cluster, name)
            if chosen["refresh"] or chosen["hard_refresh"]:
                app = await refresh(cluster, app, hard=bool(chosen["hard_refresh"]))
            if chosen["watch"] and not is_data(chosen["output"]):
                await _watched(cluster, app, no_color=bool(chosen["no_color"]))
            elif is_data(chosen["output"]):
                show_object(APPLICATION, app, chosen["output"])
            else:
                show(await _page(cluster, app, no_color=bool(chosen["no_color"])))

    run(once())


async def _watched(cluster: Cluster, app: Manifest, *, no_color: bool) -> None:
    from rollouts.cli.live import follow, within

    async def pictures() -> AsyncGenerator[None, None]:
        first = True
        async with aclosing(follow(cluster, [apps.query_of(app)], ticking=sys.stdout.isatty())) as found:
            async for picture in found:
                if not picture[APPLICATION]:
                    return
                redraw(await _page(cluster, picture[APPLICATION][0], no_color=no_color), first=first)
                first = False
                yield

    await within(pictures(), 0, "app get")


async def _page(cluster: Cluster, app: Manifest, *, no_color: bool) -> list[str]:
    from rollouts.view import apps as view

    children = [each for _, each in await owned(cluster, await applied(cluster, app))]
    return view.page(app, children, style(no_color=no_color))


def _one(name: str, examples: str, view_of: Callable[[Manifest, bool], list[str]], about: str) -> click.Command:
    """A command that prints one table of one Application."""

    @kube_command(name, examples=examples, help=about)
    @click.argument("name", shell_complete=names_of(APPLICATION))
    @output_option("json", "yaml", *(("id",) if name == "history" else ()))
    @no_color_option
    @click.pass_context
    def command(ctx: click.Context, /, name: str, output: str | None, no_color: bool) -> None:
        from rollouts.cli.connection import open_cluster, run
        from rollouts.cli.output import show_data
        from rollouts.view.apps import Facts

        async def once() -> None:
            async with open_cluster(connection(ctx)) as cluster:
                app = await apps.found(cluster, name)
                if output == "id":
                    show(str(each.get("id")) for each in Facts(app).status.get("history") or ())
                elif output:
                    field = "history" if ctx.info_name == "history" else "resources"
                    show_data(list(Facts(app).status.get(field) or ()), output)
                else:
                    show(view_of(app, no_color))

        run(once())

    return command


def _history(app: Manifest, _: bool) -> list[str]:
    from rollouts.view import apps as view

    return view.history(app)


def _resources(app: Manifest, no_color: bool) -> list[str]:
    from rollouts.view import apps as view

    return view.resources(app, style(no_color=no_color))


history = _one("history", "rollouts app history web -n argocd", _history, "List what was synced, the latest first.")
resources = _one("resources", "rollouts app resources web -n argocd", _resources, "List an Application's objects.")


def _project(app: Manifest) -> str:
    return str((app.get("spec") or {}).get("project") or "default")
