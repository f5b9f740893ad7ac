"""`rollouts convert`: a live Deployment as a Rollout, a Rollout as a Deployment, a Flagger Canary as a Rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import show
from rollouts.kube import kinds

if TYPE_CHECKING:
    from rollouts.cli.translate import Translation
    from rollouts.kube.ref import Manifest

NAMES = {"deployment": "Deployment", "deploy": "Deployment", "rollout": "Rollout", "ro": "Rollout"}
CONVERTED = ("Deployment", "Rollout", "Canary")


@kube_command(
    "convert",
    examples="""
    rollouts convert deployment/web --service web | kubectl apply -f -
    rollouts convert deployment/web --service web --strategy blue-green
    rollouts convert rollout/web
    rollouts convert -f canary.yaml
    """,
)
@click.argument("name", required=False, metavar="[KIND/NAME]")
@click.option("-f", "--filename", metavar="FILE", help="Take the object from a file, or - for standard input.")
@click.option("--service", default="", metavar="NAME", help="Service that carries the Deployment's traffic.")
@click.option(
    "--strategy",
    type=click.Choice(["canary", "blue-green"]),
    default="canary",
    show_default=True,
    help="Of the Rollout.",
)
@click.pass_context
def command(ctx: click.Context, name: str | None, filename: str | None, service: str, strategy: str) -> None:
    """Print the manifests that turn a Deployment into a Rollout, or a Rollout back, without losing a ready pod.

    A Canary of Flagger (from a file) is translated as far as it goes. What is left to do is told beside the manifests.
    """
    if (name is None) == (filename is None):
        raise click.UsageError("name one object as KIND/NAME, or a file with -f", ctx)
    manifest = _from_file(filename) if filename is not None else _live(ctx, str(name))
    found = _translated(manifest, service, blue_green=strategy == "blue-green")
    import yaml  # only here

    show(["---\n" + yaml.safe_dump(each, sort_keys=False).rstrip() for each in found.manifests])
    for word, lines in (("note", found.remarks), ("next", found.following)):
        for line in lines:
            click.echo(f"{word}: {line}", err=True)


def _translated(manifest: Manifest, service: str, *, blue_green: bool) -> Translation:
    from rollouts.cli import translate

    kind, group = str(manifest.get("kind")), str(manifest.get("apiVersion") or "").partition("/")[0]
    if (kind, group) == ("Deployment", "apps"):
        return translate.from_deployment(manifest, service, blue_green=blue_green)
    if (kind, group) == ("Rollout", kinds.GROUP):
        return translate.from_rollout(manifest)
    if (kind, group) == ("Canary", translate.FLAGGER):
        return translate.from_flagger(manifest)
    fix = "give a Deployment, a Rollout, or a Canary of flagger.app"
    raise ComplaintError(f"{kind} of {group or 'no group'} cannot be converted", fix=fix)


def _from_file(filename: str) -> Manifest:
    """The one object of a file that can be converted; what else it holds stands beside it."""
    from rollouts.cli.lint import UnreadableError, sources_of
    from rollouts.kit.strictyaml import YamlError, read

    try:
        documents = [document for source in sources_of([filename]) for document in read(source.content, source.name)]
    except UnreadableError as error:
        raise ComplaintError(str(error)) from None
    except YamlError as error:
        raise ComplaintError(f"{error.source}:{error.line}:{error.column}: {error.text}") from None
    found = [document.value for document in documents if document.value.get("kind") in CONVERTED]
    if len(found) != 1 or not (found[0].get("metadata") or {}).get("name"):
        fix = "give one Deployment, Rollout or Canary with a name"
        raise ComplaintError(f"{filename} holds {len(found)} objects that can be converted", fix=fix)
    return found[0]


def _live(ctx: click.Context, name: str) -> Manifest:
    from rollouts.cli import connection as wire
    from rollouts.kube.ref import Ref

    kind_name, _, bare = name.rpartition("/")
    wanted = NAMES.get(kind_name.lower())
    if wanted is None or not bare:
        raise click.UsageError("name a deployment/NAME or a rollout/NAME; a Canary of Flagger comes with -f", ctx)
    kind = kinds.DEPLOYMENT if wanted == "Deployment" else kinds.ROLLOUT

    async def once() -> Manifest | None:
        async with wire.open_cluster(connection(ctx)) as cluster:
            return await cluster.find(Ref(kind, cluster.namespace, bare))

    found = wire.run(once())
    if found is None:
        raise ComplaintError(f"{wanted.lower()} {bare!r} not found", code=Exit.NOT_FOUND)
    return {"apiVersion": kind.api_version, "kind": kind.name, **found}
