"""`rollouts create`: objects from files, or an AnalysisRun from a template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.acting import Manner, write_options
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError
from rollouts.cli.frame import KubeCommand, Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.kube import kinds

if TYPE_CHECKING:
    from analysis.templates import TemplateName
    from rollouts.cli.connection import Cluster
    from rollouts.kit.strictyaml import Document
    from rollouts.kube.ref import Kind, Manifest

INSTANCE_LABEL = "argo-rollouts.argoproj.io/controller-instance-id"
OBJECTS_MAX = 1000
RUN = "rollouts.cli.create"


class CreateGroup(KubeCommand, LazyGroup):
    """A group that is a command too: `create -f FILE`, `create analysisrun …`."""


@click.group(
    "create",
    cls=CreateGroup,
    table={
        "analysisrun": Lazy(RUN, "Create an AnalysisRun from a template.", "run"),
        "ar": Lazy(RUN, "Create an AnalysisRun from a template.", "run", hidden=True),
    },
    invoke_without_command=True,
    examples="""
    rollouts create -f rollout.yaml -f templates.yaml
    rollouts create -f rollout.yaml --watch
    rollouts create analysisrun --from success-rate -a service=web
    """,
)
@click.option("-f", "--filename", "names", multiple=True, type=click.Path(), metavar="FILE",
              help="File, or - for standard input.")  # fmt: skip
@click.option("-w", "--watch", is_flag=True, help="Then show the last Rollout or Experiment for as long as it changes.")
@click.option("--no-color", is_flag=True, help="No colours, even on a terminal.")
@write_options
@click.pass_context
def command(
    ctx: click.Context, names: tuple[str, ...], watch: bool, no_color: bool, dry_run: str, output: str | None
) -> None:
    """Create Rollouts, Experiments, AnalysisRuns and templates from files, or an AnalysisRun from a template."""
    if ctx.invoked_subcommand:
        if names:
            raise click.UsageError("-f goes without a subcommand", ctx)
        return
    if not names:
        raise click.UsageError("name files with -f, or say: create analysisrun --from TEMPLATE", ctx)
    from rollouts.cli import connection as wire

    manifests = [manifest for name in names for manifest in _ours(name)]
    manner = Manner(dry_run, output)

    async def once() -> None:
        async with wire.open_cluster(connection(ctx), dry_run=dry_run == "server") as cluster:
            for manifest in manifests:
                await _create(cluster, manifest, manner)

    wire.run(once())
    if watch and dry_run == "none":
        _watch(ctx, manifests, no_color=no_color)


def _watch(ctx: click.Context, manifests: list[dict[str, Any]], *, no_color: bool) -> None:
    from rollouts.cli.get import Look, look

    shown = [each for each in manifests if each["kind"] in ("Rollout", "Experiment")]
    if shown:
        kind = _kind(shown[-1])
        assert kind is not None
        look(ctx, kind, shown[-1]["metadata"]["name"], Look(watch=True, no_color=no_color))


def _kind(manifest: Manifest) -> Kind | None:
    found = kinds.known(str(manifest.get("apiVersion")), str(manifest.get("kind")))
    return found if found in kinds.OURS else None


def objects_in(name: str) -> list[Document]:
    """The objects in a file, with where each stands. Raises ComplaintError for a file that cannot be read."""
    from rollouts.cli.lint import UnreadableError, sources_of
    from rollouts.kit.strictyaml import YamlError, read

    try:
        documents = [document for source in sources_of([name]) for document in read(source.content, source.name)]
    except UnreadableError as error:
        raise ComplaintError(str(error)) from None
    except YamlError as error:
        raise ComplaintError(f"{error.source}:{error.line}:{error.column}: {error.text}") from None
    if len(documents) > OBJECTS_MAX:
        raise ComplaintError(f"{name} holds more than {OBJECTS_MAX} objects")
    return documents


def _ours(name: str) -> list[dict[str, Any]]:
    """The objects in a file. Raises ComplaintError for a file that holds anything but our kinds."""
    documents = objects_in(name)
    for document in documents:
        if _kind(document.value) is None:
            what = f"{document.value.get('kind') or 'something without a kind'}"
            known = ", ".join(kind.name for kind in kinds.OURS)
            raise ComplaintError(
                f"{document.source}: {what} is not created here, only {known}", fix="kubectl create -f FILE"
            )
    return [dict(document.value) for document in documents]


async def _create(cluster: Cluster, manifest: Mapping[str, Any], manner: Manner) -> None:
    kind = _kind(manifest)
    assert kind is not None
    space = str((manifest.get("metadata") or {}).get("namespace") or cluster.namespace) if kind.namespaced else ""
    made = manifest if manner.dry_run == "client" else await cluster.create(kind, space, manifest)
    name = made["metadata"].get("name") or f"{made['metadata'].get('generateName', '')}*"
    manner.tell(kind, made, f"{kind.name.lower()}.{kind.group}/{name} created")


@kube_command(
    "analysisrun",
    examples="""
    rollouts create analysisrun --from success-rate -a service=web
    rollouts create ar --from success-rate --global --name smoke
    rollouts create ar --from-file template.yaml -a service=web
    """,
)
@click.option("--from", "template", metavar="NAME", help="AnalysisTemplate to take.",
              shell_complete=names_of(kinds.ANALYSIS_TEMPLATE))  # fmt: skip
@click.option("--from-file", "file", type=click.Path(), metavar="FILE",
              help="File with the template to take, or - for standard input.")  # fmt: skip
@click.option("--global", "is_global", is_flag=True, help="With --from: a ClusterAnalysisTemplate is meant.")
@click.option("--name", default="", help="Name of the run.")
@click.option("--generate-name", default="", help="Beginning of the run's name; the template's name by default.")
@click.option("--instance-id", default="", metavar="ID", help="Instance of the controller that is to carry it out.")
@click.option("-a", "--argument", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the template.")
@write_options
@click.pass_context
def run(
    ctx: click.Context, /, template: str | None, file: str | None, dry_run: str, output: str | None, **chosen: Any
) -> None:
    """Create an AnalysisRun from a template."""
    from rollouts.cli import connection as wire

    if bool(template) == bool(file):
        raise click.UsageError("give either --from or --from-file", ctx)
    if chosen["name"] and chosen["generate_name"]:
        raise click.UsageError("--name and --generate-name exclude each other", ctx)
    args = [_argument(each, ctx) for each in chosen["arguments"]]
    manner = Manner(dry_run, output)

    async def once() -> None:
        async with wire.open_cluster(connection(ctx), dry_run=dry_run == "server") as cluster:
            source = _from_file(str(file)) if file else await _from_cluster(cluster, str(template), chosen["is_global"])
            spec = await _spec(cluster, source, args)
            await _create(cluster, _run(source["metadata"]["name"], spec, chosen), manner)

    wire.run(once())


def _argument(text: str, ctx: click.Context) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"{text!r} is not NAME=VALUE", ctx)
    return {"name": name, "value": value}


def _run(source: str, spec: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    kind = kinds.ANALYSIS_RUN
    own = chosen["name"]
    meta: dict[str, Any] = {"name": own} if own else {"generateName": chosen["generate_name"] or f"{source}-"}
    if chosen["instance_id"]:
        meta["labels"] = {INSTANCE_LABEL: chosen["instance_id"]}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta, "spec": spec}


def _from_file(name: str) -> Manifest:
    found = [each for each in _ours(name) if each["kind"] in ("AnalysisTemplate", "ClusterAnalysisTemplate")]
    if len(found) != 1:
        raise ComplaintError(f"{Path(name).name} holds {len(found)} templates, where one is needed")
    return found[0]


async def _from_cluster(cluster: Cluster, name: str, is_global: bool) -> Manifest:
    from rollouts.cli import read

    return await read.named(cluster, kinds.CLUSTER_ANALYSIS_TEMPLATE if is_global else kinds.ANALYSIS_TEMPLATE, name)


async def _spec(cluster: Cluster, source: Manifest, args: list[dict[str, str]]) -> dict[str, Any]:
    """The run's spec, with every template that the first one nests. Raises ComplaintError where none can be made."""
    from analysis.errors import AnalysisError
    from analysis.templates import TEMPLATES_MAX, TemplateName, build_run_spec, flatten, nested

    own = TemplateName(str(source["metadata"]["name"]), source.get("kind") == "ClusterAnalysisTemplate")
    specs: dict[TemplateName, Mapping[str, Any]] = {own: source.get("spec") or {}}
    pending: list[TemplateName] = list(nested(specs[own]))
    while pending and len(specs) <= TEMPLATES_MAX:
        name = pending.pop()
        if name not in specs:
            specs[name] = (await _from_cluster(cluster, name.name, name.cluster_scope)).get("spec") or {}
            pending += nested(specs[name])
    try:
        spec = build_run_spec(flatten((own,), specs.get), args)
    except AnalysisError as error:
        raise ComplaintError(
            str(error), fix="give it with -a NAME=VALUE" if "not resolved" in str(error) else ""
        ) from None
    unknown = {each["name"] for each in args} - {str(each.get("name")) for each in spec.get("args") or ()}
    if unknown:
        raise ComplaintError(f"the template has no argument {sorted(unknown)[0]!r}")
    return spec
