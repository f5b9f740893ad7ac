"""`rollouts app sync|wait|rollback|terminate-op`: what a person asks an Application to do, and how it goes."""

from __future__ import annotations

import getpass
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_operation import resource_of, rollback_of, sync_of
from rollouts.cli.app_render import local_options
from rollouts.cli.app_set import seen_version
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import SpanParam, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import no_color_option, output_option, show, show_object, style
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Manifest
    from rollouts.view.apps import Facts

REFRESH = "argocd.argoproj.io/refresh"
REFRESH_S_MAX = 60.0
_timeout = click.option(
    "--timeout", "timeout_s", type=SpanParam(), default=0, help="Give up after this span; 0: never."
)


@kube_command(
    "sync",
    examples="""
    rollouts app sync web -n argocd
    rollouts app sync web --revision v1.2.0 --prune
    rollouts app sync web --dry-run
    rollouts app sync web --resource apps:Deployment:shop/web
    rollouts app sync web --resource '!batch:Job:*' --label tier=front
    rollouts app sync web --local ./web --dry-run
    rollouts app sync -l team=shop --async
    """,
)
@click.argument("names", nargs=-1, metavar="NAME...", shell_complete=names_of(APPLICATION))
@click.option("-l", "--selector", default="", help="Those with these labels, instead of names.")
@click.option("--revision", default="", help="This revision instead of the Application's own.")
@click.option("--revisions", multiple=True, help="A revision for the source of each --source-positions.")
@click.option("--source-positions", multiple=True, type=int, help="Which of several sources, counted from 1.")
@click.option("--prune", is_flag=True, help="Delete what has left git.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--force", is_flag=True, help="Delete and create anew what cannot be changed.")
@click.option("--replace", is_flag=True, help="Replace instead of apply.")
@click.option("--server-side", is_flag=True, help="Apply on the server's side.")
@click.option("--apply-out-of-sync-only", is_flag=True, help="Leave alone what is in sync.")
@click.option("--strategy", type=click.Choice(["apply", "hook"]), default=None, help="apply: without hooks.")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    metavar="[!]GROUP:KIND:[NS/]NAME",
    help="Only this object, or with ! all others; * stands for any text.",
)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only objects of git with this label.")
@local_options
@click.option("--info", "infos", multiple=True, metavar="NAME=VALUE", help="Words that the audit trail keeps.")
@click.option("--retry-limit", type=int, default=None, help="Try again so often.")
@click.option("--retry-backoff-duration", default=None, metavar="SPAN", help="First wait between tries.")
@click.option("--retry-backoff-factor", type=int, default=None, help="Factor between one wait and the next.")
@click.option("--retry-backoff-max-duration", default=None, metavar="SPAN", help="Longest wait between tries.")
@click.option("--retry-refresh", is_flag=True, help="Each try takes the newest commit.")
@click.option("--preview-changes", is_flag=True, help="Show what differs, and ask.")
@click.option("--assumeYes", "--assume-yes", "assume_yes", is_flag=True, help="Do not ask.")
@click.option("--async", "is_async", is_flag=True, help="Do not wait for the end.")
@_timeout
@output_option("json", "yaml", "name")
@no_color_option
@click.pass_context
def sync(ctx: click.Context, /, names: tuple[str, ...], selector: str, **chosen: Any) -> None:
    """Bring the cluster to what git says, and watch it happen. Exit code 1: it failed; 3: time is up."""
    if bool(names) == bool(selector):
        raise click.UsageError("name Applications, or select them with -l", ctx)
    _do(ctx, names, selector, lambda cluster, app: _wished(cluster, app, chosen), chosen)


@kube_command(
    "rollback",
    examples="""
    rollouts app history web -n argocd
    rollouts app rollback web 3 -n argocd
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.argument("history_id", metavar="[ID]", required=False, type=int)
@click.option("--prune", is_flag=True, help="Delete what was not there then.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--async", "is_async", is_flag=True, help="Do not wait for the end.")
@_timeout
@output_option("json", "yaml", "name")
@no_color_option
@click.pass_context
def rollback(ctx: click.Context, /, name: str, history_id: int | None, **chosen: Any) -> None:
    """Sync what an earlier sync had; the one before the latest where no ID is given."""
    _do(ctx, (name,), "", lambda cluster, app: rollback_of(cluster, app, history_id, chosen), chosen)


@kube_command(
    "wait",
    examples="""
    rollouts app wait web -n argocd --timeout 5m
    rollouts app wait web api --health
    rollouts app wait web --suspended        # a paused canary is good enough
    rollouts app wait web --resource apps:Deployment:web --health
    """,
)
@click.argument("names", nargs=-1, metavar="NAME...", shell_complete=names_of(APPLICATION))
@click.option("-l", "--selector", default="", help="Those with these labels, instead of names.")
@click.option("--sync", "wants_sync", is_flag=True, help="Synced.")
@click.option("--health", "wants_health", is_flag=True, help="Healthy.")
@click.option("--operation", "wants_operation", is_flag=True, help="No operation is under way.")
@click.option("--suspended", is_flag=True, help="Suspended is as good as healthy.")
@click.option("--degraded", is_flag=True, help="Degraded is as good as healthy.")
@click.option("--delete", "wants_end", is_flag=True, help="Gone.")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    metavar="[!]GROUP:KIND:[NS/]NAME",
    help="Only these objects count, or with ! all others.",
)
@_timeout
@no_color_option
@click.pass_context
def wait(ctx: click.Context, /, names: tuple[str, ...], selector: str, **wants: Any) -> None:
    """Wait; by default until all is synced, healthy and at rest."""
    from rollouts.cli.connection import Query, open_cluster, run
    from rollouts.cli.live import within

    if bool(names) == bool(selector):
        raise click.UsageError("name Applications, or select them with -l", ctx)
    timeout_s, no_color, wants_end = (wants.pop(each) for each in ("timeout_s", "no_color", "wants_end"))
    parts = [resource_of(each) for each in wants.pop("resources")]

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            query = Query(APPLICATION, cluster.namespace, labels=selector)
            listed = (await cluster.list(query)).items if selector else ()
            for name in names or map(apps.label, listed):
                if wants_end:
                    await within(until_gone(cluster, name), timeout_s, f"wait for the end of {name}")
                    show([f"application/{name} is gone"])
                    continue
                app = await apps.found(cluster, name)
                await within(
                    _until(cluster, app, lambda seen: _is_as_wished(seen, wants, parts)), timeout_s, f"wait for {name}"
                )
                show([_summary(await apps.found(cluster, name), no_color=no_color)])

    run(once())


@kube_command("terminate-op", examples="rollouts app terminate-op web -n argocd")
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.pass_context
def terminate_op(ctx: click.Context, /, name: str) -> None:
    """End the sync under way; its running hooks are deleted."""
    from rollouts.cli.connection import open_cluster, run
    from rollouts.view.apps import Facts

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            if str(Facts(app).state.get("phase")) != "Running":
                raise ComplaintError(f"no operation of {name} is under way")
            body = {"metadata": seen_version(app), "status": {"operationState": {"phase": "Terminating"}}}
            await cluster.patch(apps.place(cluster, name), body)
            show([f"application/{name} operation is being ended"])

    run(once())


async def _wished(cluster: Cluster, app: Manifest, chosen: Mapping[str, Any]) -> Mapping[str, Any]:
    """The operation of a sync, once the person has agreed to what it changes where that was asked for."""
    from rollouts.cli.app_diff import differing

    if chosen["preview_changes"]:
        show(await differing(cluster, app, chosen) or ["nothing differs"])
        if not chosen["assume_yes"]:
            click.confirm(f"Sync {app['metadata']['name']}?", abort=True)
    return await sync_of(cluster, app, chosen)


async def named_or_selected(cluster: Cluster, names: Sequence[str], selector: str) -> list[Manifest]:
    """The Applications that a command line means, by their names or by their labels."""
    from rollouts.cli.connection import Query

    if selector:
        return list((await cluster.list(Query(APPLICATION, cluster.namespace, labels=selector))).items)
    return [await apps.found(cluster, name) for name in names]


async def refresh(cluster: Cluster, app: Manifest, *, hard: bool) -> Manifest:
    """Ask the controller to look again, and wait until it has."""
    from rollouts.cli.live import within
    from rollouts.kube import object as obj

    mark = {"metadata": {"annotations": {REFRESH: "hard" if hard else "normal"}}}
    await cluster.patch(obj.ref(APPLICATION, app), mark)
    await within(_until(cluster, app, lambda seen: REFRESH not in obj.annotations(seen)), REFRESH_S_MAX, "refresh")
    return await apps.found(cluster, apps.label(app))


def _do(
    ctx: click.Context,
    names: tuple[str, ...],
    selector: str,
    operation_of: Callable[[Cluster, Manifest], Awaitable[Mapping[str, Any]]],
    chosen: Mapping[str, Any],
) -> None:
    """Write an operation to each Application, and follow them to their ends."""
    from rollouts.cli.connection import access_of, open_cluster, run
    from rollouts.cli.live import within
    from rollouts.kube import object as obj
    from rollouts.view.apps import Facts

    async def once() -> None:
        wish = connection(ctx)
        who = wish.impersonate or access_of(wish).user or getpass.getuser()
        async with open_cluster(wish) as cluster:
            selected = await named_or_selected(cluster, names, selector)
            bodies = []
            for app in selected:  # all are asked before any is told, so that a complaint leaves nothing half done
                if Facts(app).is_busy:
                    fix = f"rollouts app wait {apps.label(app)} --operation, or terminate-op"
                    raise ComplaintError(f"another operation of {apps.label(app)} is under way", fix=fix)
                operation = {**await operation_of(cluster, app), "initiatedBy": {"username": who}}
                bodies.append({"operation": operation, "metadata": seen_version(app)})
            for app, body in zip(selected, bodies, strict=True):
                await cluster.patch(obj.ref(APPLICATION, app), body)
            for app in selected if not chosen["is_async"] else ():
                label = apps.label(app)
                await within(_progress(cluster, app, chosen), chosen["timeout_s"], f"sync of {label}")
                _tell_end(await apps.found(cluster, label), label, chosen)

    run(once())


async def _progress(cluster: Cluster, app: Manifest, chosen: Mapping[str, Any]) -> AsyncGenerator[None, None]:
    """A line for each object as its turn comes, until the operation has ended."""
    from rollouts.cli.live import follow
    from rollouts.view import apps as view

    told: set[str] = set()
    before = view.Facts(app).state.get("startedAt")
    async with aclosing(follow(cluster, [apps.query_of(app)])) as pictures:
        async for picture in pictures:
            if not picture[APPLICATION]:
                raise ComplaintError("the application is gone", code=Exit.NOT_FOUND)
            facts = view.Facts(picture[APPLICATION][0])
            begun = facts.state.get("startedAt") and facts.state.get("startedAt") != before
            if begun and not chosen["output"]:
                lines = view.progress(facts.app, style(no_color=bool(chosen["no_color"])))
                show(line for line in lines if line not in told)
                told.update(lines)
            if begun and not facts.is_busy:
                return
            yield


def _tell_end(app: Manifest, label: str, chosen: Mapping[str, Any]) -> None:
    from rollouts.view.apps import Facts

    if chosen["output"]:
        show_object(APPLICATION, app, chosen["output"])
    else:
        show([_summary(app, no_color=bool(chosen["no_color"]))])
    phase, message = Facts(app).state.get("phase"), Facts(app).state.get("message")
    if phase != "Succeeded":
        raise ComplaintError(f"operation of {label}: {phase}: {message}", fix=f"rollouts app get {label}")


async def _until(cluster: Cluster, app: Manifest, is_enough: Callable[[Manifest], bool]) -> AsyncGenerator[None, None]:
    from rollouts.cli.live import follow

    async with aclosing(follow(cluster, [apps.query_of(app)])) as pictures:
        async for picture in pictures:
            if not picture[APPLICATION]:
                raise ComplaintError("the application is gone", code=Exit.NOT_FOUND)
            if is_enough(picture[APPLICATION][0]):
                return
            yield


async def until_gone(cluster: Cluster, name: str) -> AsyncGenerator[None, None]:
    """Goes on until the Application is no more."""
    from rollouts.cli.live import follow

    app = await cluster.find(apps.place(cluster, name))
    if app is None:
        return
    async with aclosing(follow(cluster, [apps.query_of(app)])) as pictures:
        async for picture in pictures:
            if not picture[APPLICATION]:
                return
            yield


def _is_as_wished(app: Manifest, wants: Mapping[str, bool], parts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an Application is as far as it is waited for, or those of its objects that count."""
    from rollouts.view.apps import Facts

    facts = Facts(app)
    stands = _standing(facts, parts) if parts else [(facts.sync, facts.health)]
    good = (
        {"Healthy"} | ({"Suspended"} if wants["suspended"] else set()) | ({"Degraded"} if wants["degraded"] else set())
    )
    named = any(wants.values())
    needs_health = wants["wants_health"] or wants["suspended"] or wants["degraded"] or not named
    return (
        (not (wants["wants_sync"] or not named) or all(sync == "Synced" for sync, _ in stands))
        and (not needs_health or all(health in good for _, health in stands))
        and (not (wants["wants_operation"] or not named) or not facts.is_busy)
    )


def _standing(facts: Facts, parts: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Sync status and health of the objects that count; one without a health of its own is well when it is there."""
    from rollouts.gitops.keys import key_from
    from rollouts.gitops.sync.tasks import is_selected

    rows = [(key_from(row), row) for row in facts.resources if not row.get("hook")]
    found = [row for key, row in rows if key is not None and is_selected(key, parts)]
    if not found:
        raise ComplaintError("no object of the application fits", code=Exit.NOT_FOUND)
    healths = (str((row.get("health") or {}).get("status") or "Healthy") for row in found)
    return [(str(row.get("status")), health) for row, health in zip(found, healths, strict=True)]


def _summary(app: Manifest, *, no_color: bool) -> str:
    from rollouts.view import apps as view

    paint, facts = style(no_color=no_color), view.Facts(app)
    at = f" at {', '.join(view.short(each) for each in facts.revisions)}" if facts.revisions else ""
    return f"{app['metadata']['name']}  {view.status(paint, facts.sync)}{at}  {view.status(paint, facts.health)}"
