"""`rollouts app unset|add-source|remove-source`: what an Application's sources say no more, and which there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import click

from rollouts.cli.app_set import change_spec
from rollouts.cli.app_spec import image_name
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.kube.kinds import APPLICATION

# Words of a source that are taken away whole: option, part of the source, field.
_WORDS = (
    ("nameprefix", "kustomize", "namePrefix"),
    ("namesuffix", "kustomize", "nameSuffix"),
    ("kustomize_version", "kustomize", "version"),
    ("kustomize_namespace", "kustomize", "namespace"),
    ("ignore_missing_components", "kustomize", "ignoreMissingComponents"),
    ("values_literal", "helm", "values"),
    ("ignore_missing_value_files", "helm", "ignoreMissingValueFiles"),
    ("pass_credentials", "helm", "passCredentials"),
)


@kube_command(
    "unset",
    examples="""
    rollouts app unset web -n argocd -p image.tag
    rollouts app unset web --values values-old.yaml --values-literal
    rollouts app unset web --kustomize-image registry.example.com/web --nameprefix
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--source-position", type=click.IntRange(min=1), default=1, show_default=True, help="Of several sources.")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME", help="Parameter of a chart.")
@click.option("--values", "value_files", multiple=True, metavar="FILE", help="Value file of a chart.")
@click.option("--values-literal", is_flag=True, help="Values written into the Application.")
@click.option("--ignore-missing-value-files", is_flag=True, help="That value files may be absent.")
@click.option("--pass-credentials", is_flag=True, help="That credentials go to other hosts.")
@click.option("--kustomize-image", "images", multiple=True, metavar="NAME", help="Image override, by its image.")
@click.option("--kustomize-replica", "replicas", multiple=True, metavar="NAME", help="Replicas, by their workload.")
@click.option("--nameprefix", is_flag=True, help="Prefix of names.")
@click.option("--namesuffix", is_flag=True, help="Suffix of names.")
@click.option("--kustomize-version", is_flag=True, help="Version of Kustomize.")
@click.option("--kustomize-namespace", is_flag=True, help="Namespace that Kustomize writes.")
@click.option("--ignore-missing-components", is_flag=True, help="That components may be absent.")
@click.option("--ref", is_flag=True, help="Name under which other sources use this one.")
@click.pass_context
def unset(ctx: click.Context, /, name: str, source_position: int, **chosen: Any) -> None:
    """Take away what an Application's source says: parameters, value files, images, prefixes."""
    if not any(chosen.values()):
        raise click.UsageError("name what is to be taken away", ctx)
    change_spec(ctx, name, lambda spec: _with_source(spec, source_position, lambda source: without(source, chosen)))


@kube_command(
    "add-source",
    examples="""
    rollouts app add-source web -n argocd --repo https://git.example.com/values --ref values
    rollouts app add-source web --repo https://charts.example.com --helm-chart redis --revision '^7'
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--repo", "repoURL", required=True, help="Address of the repository.")
@click.option("--path", default="", help="Folder in the repository.")
@click.option("--helm-chart", "chart", default="", help="Chart, where the repository holds charts.")
@click.option("--revision", "targetRevision", default="", help="Branch, tag, commit or range.")
@click.option("--ref", default="", help="Name under which other sources use its files, as $NAME/path.")
@click.option("--source-name", "name_of_source", default="", help="Name of the source.")
@click.pass_context
def add_source(ctx: click.Context, /, name: str, name_of_source: str, **chosen: str) -> None:
    """Give an Application one more source; the one that it had becomes the first of several."""
    source = {field: text for field, text in {"name": name_of_source, **chosen}.items() if text}
    change_spec(ctx, name, lambda spec: _several(spec, [*_sources(spec), source]))


@kube_command(
    "remove-source",
    examples="""
    rollouts app remove-source web -n argocd --source-position 2
    rollouts app remove-source web --source-name values
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.option("--source-position", type=click.IntRange(min=1), default=None, help="Counted from 1.")
@click.option("--source-name", default="", help="Its name.")
@click.pass_context
def remove_source(ctx: click.Context, /, name: str, source_position: int | None, source_name: str) -> None:
    """Take one of several sources away from an Application."""
    if (source_position is None) == (not source_name):
        raise click.UsageError("give --source-position or --source-name", ctx)

    def left(spec: Mapping[str, Any]) -> dict[str, Any]:
        sources = _sources(spec)
        names = [each.get("name") for each in sources]
        if source_name and source_name not in names:
            raise ComplaintError(f"there is no source {source_name!r}", code=Exit.USAGE)
        index = names.index(source_name) if source_name else int(source_position or 1) - 1
        if index >= len(sources):
            raise ComplaintError(f"there is no source {source_position}", code=Exit.USAGE)
        if len(sources) == 1:
            raise ComplaintError("an application needs a source, and this is the only one")
        return _several(spec, [*sources[:index], *sources[index + 1 :]])

    change_spec(ctx, name, left)


def without(source: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A source without what was chosen."""
    found = {field: value for field, value in source.items() if field != "ref" or not chosen["ref"]}
    parts: dict[str, dict[str, Any]] = {part: dict(found.get(part) or {}) for part in ("helm", "kustomize")}
    for option, part, field in _WORDS:
        if chosen[option]:
            parts[part].pop(field, None)
    if chosen["values_literal"]:
        parts["helm"].pop("valuesObject", None)
    _drop(parts["helm"], "parameters", lambda each: each.get("name"), chosen["parameters"])
    _drop(parts["helm"], "valueFiles", str, chosen["value_files"])
    _drop(parts["kustomize"], "images", image_name, {image_name(each) for each in chosen["images"]})
    _drop(parts["kustomize"], "replicas", lambda each: each.get("name"), chosen["replicas"])
    for part, said in parts.items():
        found.pop(part, None)
        found |= {part: said} if said else {}
    return found


def _drop(part: dict[str, Any], field: str, name_of: Callable[[Any], Any], names: Collection[str]) -> None:
    left = [each for each in part.get(field) or () if name_of(each) not in names]
    if left:
        part[field] = left
    else:
        part.pop(field, None)


def _sources(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(each) for each in spec.get("sources") or ([spec["source"]] if spec.get("source") else [])]


def _several(spec: Mapping[str, Any], sources: list[dict[str, Any]]) -> dict[str, Any]:
    return {**{field: value for field, value in spec.items() if field != "source"}, "sources": sources}


def _with_source(
    spec: Mapping[str, Any], position: int, change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    sources = _sources(spec)
    if position > len(sources):
        raise ComplaintError(f"there is no source {position}", code=Exit.USAGE)
    sources[position - 1] = change(sources[position - 1])
    return {**spec, "sources": sources} if spec.get("sources") else {**spec, "source": sources[0]}
