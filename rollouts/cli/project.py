"""`rollouts project list|get|windows`: who may bring what where, and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.complete import names_of
from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import FORMATS, output_option, show, show_data, show_object, show_objects
from rollouts.kube.kinds import APP_PROJECT

if TYPE_CHECKING:
    from rollouts.api.project import SyncWindow
    from rollouts.kit.instant import Instant
    from rollouts.kube.ref import Manifest

_HERE = "rollouts.cli.project"


@click.group(
    "project",
    cls=LazyGroup,
    table={
        "list": Lazy(_HERE, "List AppProjects.", "list_command"),
        "get": Lazy(_HERE, "Show one AppProject.", "get"),
        "windows": Lazy(_HERE, "Print when syncs are allowed next.", "windows"),
    },
)
def command() -> None:
    """AppProjects: who may bring what where, and when."""


@kube_command("list", examples="rollouts project list -n argocd")
@output_option(*FORMATS)
@click.pass_context
def list_command(ctx: click.Context, /, output: str | None) -> None:
    """List AppProjects."""
    from rollouts.cli.connection import Query, open_cluster, run
    from rollouts.view import table
    from rollouts.view.style import clean

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            items = (await cluster.list(Query(APP_PROJECT, cluster.namespace))).items
            if output:
                show_objects(APP_PROJECT, items, output)
                return
            rows = [
                (
                    clean(each["metadata"]["name"]),
                    str(len((each.get("spec") or {}).get("sourceRepos") or ())),
                    str(len((each.get("spec") or {}).get("destinations") or ())),
                    str(len((each.get("spec") or {}).get("syncWindows") or ())),
                    clean((each.get("spec") or {}).get("description") or ""),
                )
                for each in items
            ]
            show(table.lines(("NAME", "SOURCES", "DESTINATIONS", "WINDOWS", "DESCRIPTION"), rows))

    run(once())


@kube_command("get", examples="rollouts project get shop -n argocd -o yaml")
@click.argument("name", shell_complete=names_of(APP_PROJECT))
@output_option(*FORMATS)
@click.pass_context
def get(ctx: click.Context, /, name: str, output: str | None) -> None:
    """Show one AppProject."""
    from rollouts.cli import read
    from rollouts.cli.connection import open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            show_object(APP_PROJECT, await read.named(cluster, APP_PROJECT, name), output or "yaml")

    run(once())


@kube_command(
    "windows",
    examples="""
    rollouts project windows shop -n argocd
    rollouts project windows shop --count 5 -o json
    """,
)
@click.argument("name", shell_complete=names_of(APP_PROJECT))
@click.option(
    "-c", "--count", default=3, show_default=True, type=click.IntRange(1, 50), help="So many openings of each."
)
@output_option("json", "yaml")
@click.pass_context
def windows(ctx: click.Context, /, name: str, count: int, output: str | None) -> None:
    """Print each sync window with its next openings, and what may surprise about it."""
    from rollouts.cli import connection as wire
    from rollouts.cli import read

    async def once() -> None:
        async with wire.open_cluster(connection(ctx)) as cluster:
            project = await read.named(cluster, APP_PROJECT, name)
            found = list(_windows(project, wire.now(), count))
            if output:
                show_data(found, output)
                return
            show(_lines(found) if found else [f"{name} has no sync windows: syncs are always allowed"])

    wire.run(once())


def _windows(project: Manifest, now: Instant, count: int) -> Iterator[dict[str, Any]]:
    from rollouts.api.parse import parse_project
    from rollouts.cli.errors import ComplaintError
    from rollouts.gitops import windows as rules

    parsed = parse_project(project)
    if parsed.spec is None:
        raise ComplaintError(f"the project cannot be read: {parsed.refusals[0]}")
    for window in parsed.spec.sync_windows:
        wrong = rules.problem(window)
        spans = () if wrong else rules.next_spans(window, now, count)
        yield {
            "kind": window.kind,
            "schedule": window.schedule,
            "duration": window.duration,
            "timeZone": window.time_zone or "UTC",
            "for": _scope(window),
            "open": bool(spans) and spans[0].opens <= now,
            "openings": [
                {"opens": str(span.opens), "closes": "" if rules.is_endless(window, span) else str(span.closes)}
                for span in spans
            ],
            "warning": wrong or rules.surprise(window, spans),
        }


def _scope(window: SyncWindow) -> str:
    parts = (("applications", window.applications), ("namespaces", window.namespaces), ("clusters", window.clusters))
    said = [f"{name} {', '.join(names)}" for name, names in parts if names]
    return (" and " if window.use_and_operator else " or ").join(said) or "nothing"


def _lines(found: list[dict[str, Any]]) -> Iterator[str]:
    from rollouts.view.style import clean

    for each in found:
        state = "open now" if each["open"] else "closed now"
        when = f"{each['schedule']!r} for {each['duration']} ({each['timeZone']})"
        yield clean(f"{each['kind']} {when}: {state}; for {each['for']}")
        for span in each["openings"]:
            yield f"  {span['opens']} to {span['closes']}" if span["closes"] else "  always"
        if each["warning"]:
            yield clean(f"  warning: {each['warning']}")
