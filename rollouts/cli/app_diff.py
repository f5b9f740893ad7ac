"""`rollouts app diff|manifests`: what git says against what is in the cluster, rendered here where it is asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli import app as apps
from rollouts.cli.app_objects import applied, hidden, kind_of
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import bare, no_color_option, show, show_data, style
from rollouts.core.errors import HiccupError
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
    rollouts app diff web --exit-code=false
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--refresh", is_flag=True, help="Look at git and the cluster again first.")
@click.option("--hard-refresh", is_flag=True, help="The same, and render anew.")
@click.option("--revision", default="", help="Render this revision here, and compare it with the cluster.")
@click.option("--exit-code/--no-exit-code", "tells", default=True, show_default=True, help="1 where something differs.")
@click.option("--diff-exit-code", default=DIFFERS, show_default=True, help="That exit code.")
@no_color_option
@click.pass_context
def diff(ctx: click.Context, /, name: str, **chosen: Any) -> int:
    """Say what differs: path, git's value, the live one, who wrote it and when.

    Exit codes: 0 nothing, 1 something, 2 error. Values of Secrets are shown as hashes.
    """
    from rollouts.cli.connection import open_cluster, run

    async def once() -> int:
        async with open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            if chosen["revision"]:
                lines = await _preview(cluster, app, chosen["revision"], no_color=bool(chosen["no_color"]))
            else:
                lines = await _compared(cluster, app, chosen)
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
    rollouts app manifests web --source live                # what is in the cluster
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--source", type=click.Choice(["git", "live"]), default="git", show_default=True, help="Whose word.")
@click.option("--revision", default="", help="This revision instead of the Application's own.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Form.")
@click.pass_context
def manifests(ctx: click.Context, /, name: str, source: str, revision: str, output: str) -> None:
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
                found = await _rendered(cluster, app, revision)
            if output == "json":
                show_data(found, "json")
            else:
                for each in found:
                    show_data(each, "yaml", compact=True)

    run(once())


async def _compared(cluster: Cluster, app: Manifest, chosen: dict[str, Any]) -> list[str]:
    """What the controller's latest comparison says."""
    from rollouts.cli.app_sync import refresh
    from rollouts.view import apps as view

    if chosen["refresh"] or chosen["hard_refresh"]:
        app = await refresh(cluster, app, hard=bool(chosen["hard_refresh"]))
    facts = view.Facts(app)
    if facts.sync == "Unknown":
        said = "; ".join(str(each.get("message")) for each in facts.status.get("conditions") or ())
        raise ComplaintError(f"nobody knows what differs: {said or 'the application was not compared yet'}")
    return view.differences(app, style(no_color=bool(chosen["no_color"])))


async def _preview(cluster: Cluster, app: Manifest, revision: str, *, no_color: bool) -> list[str]:
    """What a sync of another revision would change, by the controller's own comparison."""
    from rollouts.gitops.diff import ignore, picture
    from rollouts.gitops.diff.compare import changes
    from rollouts.kube import object as obj
    from rollouts.view import apps as view

    paint = style(no_color=no_color)
    desired = await _desired(cluster, app, await _rendered(cluster, app, revision))
    rules, _ = ignore.read(_spec(app).ignore_differences)
    lines: list[str] = []
    for one in desired.plain:
        if one.ref is None:
            lines += [f"===== {one.key} =====", f"  the cluster does not serve {one.version} {one.key.kind}"]
            continue
        live = await cluster.find(one.ref)
        if live is None:
            lines += [f"===== {one.key} =====", "+ is in git and not in the cluster"]
            continue
        places = ignore.ignored(rules, one.key, one.manifest, live)
        found = changes(ignore.without(one.manifest, places), ignore.without(live, places))
        if found:
            rows = picture.rows(one.key, obj.uid(live), found)
            lines += [f"===== {one.key} =====", *(line for row in rows for line in view.difference(row, paint))]
    wanted = {one.key for one in desired.plain}
    lines += [f"===== {key} =====\n- is not in git at that revision" for key in _keys(app) if key not in wanted]
    return lines


async def _desired(cluster: Cluster, app: Manifest, found: list[Any]) -> Desired:
    from rollouts.gitops import tracking, wanted
    from rollouts.gitops.options import parse
    from rollouts.kube import object as obj
    from rollouts.kube.ref import Ref

    spec = _spec(app)
    served = {(str(each.get("apiVersion")), str(each.get("kind"))) for each in found}
    kinds = {pair: await kind_of(cluster, *pair) for pair in served}
    name = tracking.instance(Ref(APPLICATION, obj.namespace(app), obj.name(app)), obj.namespace(app))
    options = parse(spec.sync_policy.sync_options if spec.sync_policy else ())
    place = wanted.Place(name, spec.destination.namespace, options, lambda version, kind: kinds.get((version, kind)))
    return wanted.read(found, place)


def _spec(app: Manifest) -> Any:
    from rollouts.api.parse import parse_application

    parsed = parse_application(app)
    if parsed.spec is None:
        raise ComplaintError(f"the application cannot be read: {parsed.refusals[0]}")
    return parsed.spec


def _keys(app: Manifest) -> list[Any]:
    from rollouts.gitops.keys import key_from
    from rollouts.view.apps import Facts

    rows = (row for row in Facts(app).resources if not row.get("hook"))
    return [key for key in map(key_from, rows) if key is not None]


async def _rendered(cluster: Cluster, app: Manifest, revision: str) -> list[Any]:
    """Render here: git and the tools must be on this machine."""
    from rollouts.gitops.asks import Rendered, RenderManifests
    from rollouts.kit.canonical import sorted_json
    from rollouts.kube import object as obj
    from rollouts.shell.asks.sources import GitAndCharts
    from rollouts.view.apps import Facts

    facts = Facts(app)
    sources = [dict(each) for each in facts.sources]
    if revision and sources:
        sources[0]["targetRevision"] = revision
    question = RenderManifests(
        sorted_json(sources),
        (),
        obj.name(app),
        str((facts.spec.get("destination") or {}).get("namespace") or ""),
        str(facts.spec.get("project") or "default"),
    )
    with tempfile.TemporaryDirectory(prefix="rollouts-") as directory:
        renderer = GitAndCharts(cluster.client, Path(directory))
        try:
            answer = await renderer.ask(question, obj.namespace(app))
        except HiccupError as error:
            raise ComplaintError(f"cannot render: {error}") from None
        finally:
            await renderer.close()
    assert isinstance(answer, Rendered)
    return list(answer.manifests)


async def _live(cluster: Cluster, app: Manifest) -> list[dict[str, Any]]:
    found = []
    for ref in await applied(cluster, app):
        if (live := await cluster.find(ref)) is not None:
            found.append(bare(live) if ref.kind.name != "Secret" else hidden(live))
    return found
