"""`rollouts app diff|manifests`: what git says against what is in the cluster, rendered here where it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_objects import applied, hidden, keys_of
from rollouts.cli.app_render import chosen_sources, desired, local_options, rendered, spec_of
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import bare, no_color_option, show, show_data, style
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.gitops.wanted import Desired
    from rollouts.kube.ref import Manifest

DIFFERS, BROKEN = 1, 2


@kube_command(
    "diff",
    examples="""
    rollouts app diff web -n argocd                # as the controller compared last
    rollouts app diff web --refresh                # look again first
    rollouts app diff web --revision my-branch     # what a sync of that branch would change
    rollouts app diff web --local ./web            # what a sync of this folder would change
    rollouts app diff web --exit-code=false
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--refresh", is_flag=True, help="Look at git and the cluster again first.")
@click.option("--hard-refresh", is_flag=True, help="The same, and render anew.")
@click.option("--revision", default="", help="Render this revision here, and compare it with the cluster.")
@local_options
@click.option("--exit-code/--no-exit-code", "tells", default=True, show_default=True, help="1 where something differs.")
@click.option("--diff-exit-code", default=DIFFERS, show_default=True, help="That exit code.")
@no_color_option
@click.pass_context
def diff(ctx: click.Context, /, name: str, **chosen: Any) -> int:
    """Say what differs: path, git's value, the live one, who wrote it and when.

    Exit codes: 0 nothing, 1 something, 2 error. Values of Secrets are shown as hashes.
    """
    from rollouts.cli.app_sync import refresh
    from rollouts.cli.connection import open_cluster, run

    async def once() -> int:
        async with open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            if chosen["refresh"] or chosen["hard_refresh"]:
                app = await refresh(cluster, app, hard=bool(chosen["hard_refresh"]))
            lines = await differing(cluster, app, chosen)
            show(lines)
            return int(chosen["diff_exit_code"]) if lines and chosen["tells"] else 0

    try:
        return run(once())
    except ComplaintError as complaint:
        complaint.show()
        return BROKEN


@kube_command(
    "manifests",
    examples="""
    rollouts app manifests web -n argocd                    # what git says, rendered here
    rollouts app manifests web --revision my-branch
    rollouts app manifests web --local ./web                # what this folder comes to
    rollouts app manifests web --source live                # what is in the cluster
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--source", type=click.Choice(["git", "live"]), default="git", show_default=True, help="Whose word.")
@click.option("--revision", default="", help="This revision instead of the Application's own.")
@local_options
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Form.")
@click.pass_context
def manifests(ctx: click.Context, /, name: str, source: str, output: str, **chosen: Any) -> None:
    """Print what git says, or what is in the cluster.

    Git's word is rendered on this machine, with the repository Secrets that you may read.
    """
    from rollouts.cli.connection import open_cluster, run

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            if source == "live":
                found = await _live(cluster, app)
            else:
                with chosen_sources(app, chosen) as sources:
                    found = await rendered(cluster, app, sources)
            if output == "json":
                show_data(found, "json")
            else:
                for each in found:
                    show_data(each, "yaml", compact=True)

    run(once())


async def differing(cluster: Cluster, app: Manifest, chosen: Mapping[str, Any]) -> list[str]:
    """What a sync would change: of a folder or another revision as compared here, else as the controller compared."""
    no_color = bool(chosen["no_color"])
    if not chosen["local"] and not chosen["revision"]:
        return _compared(app, no_color=no_color)
    with chosen_sources(app, chosen) as sources:
        return await _preview(cluster, app, sources, no_color=no_color)


def _compared(app: Manifest, *, no_color: bool) -> list[str]:
    """What the controller's latest comparison says."""
    from rollouts.view import apps as view

    facts = view.Facts(app)
    if facts.sync == "Unknown":
        said = "; ".join(str(each.get("message")) for each in facts.status.get("conditions") or ())
        raise ComplaintError(f"nobody knows what differs: {said or 'the application was not compared yet'}")
    return view.differences(app, style(no_color=no_color))


async def _preview(cluster: Cluster, app: Manifest, sources: list[dict[str, Any]], *, no_color: bool) -> list[str]:
    """What a sync of these sources would change, by the controller's own comparison."""
    from rollouts.gitops.diff import ignore, picture
    from rollouts.gitops.diff.compare import changes
    from rollouts.kube import object as obj
    from rollouts.kube.kinds import ROLLOUT
    from rollouts.view import apps as view

    paint = style(no_color=no_color)
    found = await desired(cluster, app, await rendered(cluster, app, sources))
    if found.errors:
        raise ComplaintError("; ".join(found.errors))
    rules, _ = ignore.read(spec_of(app).ignore_differences)
    scaled = [one.manifest for one in found.plain if one.kind == ROLLOUT]
    rules = (*rules, *ignore.of_controllers(await _autoscalers(cluster, found), scaled))
    lines: list[str] = []
    for one in found.plain:
        if one.ref is None:
            lines += [f"===== {one.key} =====", f"  the cluster does not serve {one.version} {one.key.kind}"]
            continue
        live = await cluster.find(one.ref)
        if live is None:
            lines += [f"===== {one.key} =====", "+ is in git and not in the cluster"]
            continue
        places = ignore.ignored(rules, one.key, one.manifest, live)
        differing = changes(ignore.without(one.manifest, places), ignore.without(live, places))
        if differing:
            rows = picture.rows(one.key, obj.uid(live), differing)
            lines += [f"===== {one.key} =====", *(line for row in rows for line in view.difference(row, paint))]
    wanted = {one.key for one in found.plain}
    gone = [key for key in keys_of(app) if key not in wanted]
    return lines + [line for key in gone for line in (f"===== {key} =====", "- is in the cluster and not in git there")]


async def _autoscalers(cluster: Cluster, found: Desired) -> list[Manifest]:
    """Who decides about replicas where the objects go, as far as this person may look."""
    from rollouts.cli.connection import Query, RefusedError
    from rollouts.gitops.seen import AUTOSCALER

    scalers: list[Manifest] = []
    assert AUTOSCALER is not None  # every cluster has it
    for space in sorted({one.key.namespace for one in found.plain if one.key.namespace}):
        try:
            scalers += (await cluster.list(Query(AUTOSCALER, space))).items
        except RefusedError:
            continue
    return scalers


async def _live(cluster: Cluster, app: Manifest) -> list[dict[str, Any]]:
    found = []
    for ref in await applied(cluster, app):
        if (live := await cluster.find(ref)) is not None:
            found.append(bare(live) if ref.kind.name != "Secret" else hidden(live))
    return found
