"""What the options of `rollouts app create` and `set` make of an Application's spec."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from rollouts.cli.errors import ComplaintError, Exit

_IMAGE_NAME = re.compile(r"[^=@]*?(?=[=@]|:[^/]*$|$)")
# Field, option, and the option's help: words that are written as they are given.
_SOURCE = (
    ("repoURL", "repo", "Address of the repository."),
    ("path", "path", "Folder in the repository."),
    ("chart", "helm-chart", "Chart, where the repository holds charts."),
    ("targetRevision", "revision", "Branch, tag, commit or range."),
    ("ref", "ref", "Name under which other sources use this one's files."),
)
_DESTINATION = (
    ("server", "dest-server", "Cluster by address."),
    ("name", "dest-name", "Cluster by name."),
    ("namespace", "dest-namespace", "Namespace of objects that name none."),
)
_HELM = (("releaseName", "release-name", "Name of the Helm release."),)
_KUSTOMIZE = (
    ("namePrefix", "nameprefix", "Prefix of names."),
    ("nameSuffix", "namesuffix", "Suffix of names."),
    ("namespace", "kustomize-namespace", "Namespace that Kustomize writes."),
)
_DIRECTORY = (
    ("include", "directory-include", "Glob of the files that count."),
    ("exclude", "directory-exclude", "Glob of the files that do not."),
)
_BACKOFF = (
    ("duration", "sync-retry-backoff-duration", "First wait between tries."),
    ("maxDuration", "sync-retry-backoff-max-duration", "Longest wait between tries."),
)
_AUTOMATED = (
    ("prune", "auto-prune", "Automated syncs delete what has left git."),
    ("selfHeal", "self-heal", "Automated syncs undo what others change."),
    ("allowEmpty", "allow-empty", "Automated syncs may leave nothing."),
)
_FLAGS = (
    ("helm", "ignoreMissingValueFiles", "ignore-missing-value-files", "Value files may be absent."),
    ("helm", "skipCrds", "helm-skip-crds", "The chart's crds folder is left out."),
    ("directory", "recurse", "directory-recurse", "Folders below, too."),
)


def spec_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of create and set; what is not given is None or ()."""
    texts = (*_SOURCE, *_DESTINATION, *_HELM, *_KUSTOMIZE, *_DIRECTORY)
    options: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        *(click.option(f"--{name}", _name(name), default=None, help=said) for _, name, said in texts),
        click.option("--project", default=None, help="AppProject."),
        click.option("--sync-policy", type=click.Choice(["none", "manual", "automated", "auto"]), default=None),
        *(_flag(name, said) for _, name, said in _AUTOMATED),
        click.option(
            "--sync-option", "sync_options", multiple=True, metavar="[!]NAME=VALUE", help="Added; with ! taken out."
        ),
        click.option("--sync-retry-limit", type=int, default=None, help="Tries after the first."),
        *(
            click.option(f"--{name}", _name(name), default=None, metavar="SPAN", help=said)
            for _, name, said in _BACKOFF
        ),
        click.option(
            "--sync-retry-backoff-factor", type=int, default=None, help="Factor between one wait and the next."
        ),
        click.option("--revision-history-limit", type=int, default=None, help="Syncs that are remembered."),
        click.option(
            "--values", "value_files", multiple=True, metavar="FILE", help="Value files of a chart, all of them."
        ),
        click.option(
            "--values-literal-file", type=click.Path(path_type=Path), help="File of values to write into the spec."
        ),
        click.option(
            "-p",
            "--parameter",
            "--helm-set",
            "parameters",
            multiple=True,
            metavar="NAME=VALUE",
            help="Parameter of a chart.",
        ),
        click.option("--kustomize-image", "images", multiple=True, help="Image override of a kustomization."),
        click.option(
            "--kustomize-replica", "replicas", multiple=True, metavar="NAME=COUNT", help="Replicas of a workload."
        ),
        *(_flag(name, said) for _, _, name, said in _FLAGS),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def changed(spec: Mapping[str, Any], chosen: Mapping[str, Any], position: int = 1) -> dict[str, Any]:
    """The spec with what was chosen. position: of the source that is meant, counted from 1."""
    found = dict(spec)
    for field, option in (("project", "project"), ("revisionHistoryLimit", "revision_history_limit")):
        found |= {field: chosen[option]} if chosen[option] is not None else {}
    destination = spec.get("destination") or {}
    if chosen["dest_server"] or chosen["dest_name"]:
        destination = {name: value for name, value in destination.items() if name not in ("server", "name")}
    found["destination"] = {**destination, **_texts(_DESTINATION, chosen)}
    several = list(spec.get("sources") or ())
    if position > max(1, len(several)):
        raise ComplaintError(f"there is no source {position}", code=Exit.USAGE)
    if several:
        several[position - 1] = _source(several[position - 1], chosen)
        found["sources"] = several
    else:
        found["source"] = _source(spec.get("source") or {}, chosen)
    policy = _policy(spec.get("syncPolicy") or {}, chosen)
    found.pop("syncPolicy", None)
    return found | ({"syncPolicy": policy} if policy else {})


def image_name(text: str) -> str:
    """The image that an override is for."""
    match = _IMAGE_NAME.match(text)
    return match.group() if match else text


def _name(option: str) -> str:
    return option.replace("-", "_")


def _flag(name: str, said: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(f"--{name}/--no-{name}", _name(name), default=None, help=said)


def _texts(table: Iterable[tuple[str, str, str]], chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {field: chosen[_name(option)] for field, option, _ in table if chosen[_name(option)] is not None}


def _source(before: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = {**before, **_texts(_SOURCE, chosen)}
    parts: dict[str, dict[str, Any]] = {
        "helm": _helm(found.get("helm") or {}, chosen),
        "kustomize": _kustomize(found.get("kustomize") or {}, chosen),
        "directory": {**(found.get("directory") or {}), **_texts(_DIRECTORY, chosen)},
    }
    for part, field, option, _ in _FLAGS:
        if chosen[_name(option)] is not None:
            parts[part][field] = chosen[_name(option)]
    return found | {name: part for name, part in parts.items() if part}


def _helm(before: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = {**before, **_texts(_HELM, chosen)}
    if chosen["value_files"]:
        found["valueFiles"] = list(chosen["value_files"])
    if chosen["values_literal_file"]:
        try:
            found["values"] = chosen["values_literal_file"].read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ComplaintError(f"{chosen['values_literal_file']}: {error}") from None
        found.pop("valuesObject", None)
    if chosen["parameters"]:
        known = {str(each.get("name")): each for each in found.get("parameters") or ()}
        for name, value in map(pair, chosen["parameters"]):
            known[name] = {**known.get(name, {}), "name": name, "value": value}
        found["parameters"] = list(known.values())
    return found


def _kustomize(before: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = {**before, **_texts(_KUSTOMIZE, chosen)}
    if chosen["images"]:
        images = {image_name(each): each for each in (*(found.get("images") or ()), *chosen["images"])}
        found["images"] = list(images.values())
    if chosen["replicas"]:
        known = {str(each.get("name")): each for each in found.get("replicas") or ()}
        for name, count in map(pair, chosen["replicas"]):
            if not (count.isascii() and count.isdigit()):
                raise ComplaintError(f"--kustomize-replica {name}={count}: write NAME=COUNT", code=Exit.USAGE)
            known[name] = {"name": name, "count": int(count)}
        found["replicas"] = list(known.values())
    return found


def _policy(policy: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(policy)
    if chosen["sync_policy"] in ("none", "manual"):
        found.pop("automated", None)
    elif chosen["sync_policy"]:
        before = found.get("automated") or {}
        found["automated"] = {field: value for field, value in before.items() if field != "enabled"}
    for field, option, _ in _AUTOMATED:
        if (value := chosen[_name(option)]) is None:
            continue
        if found.get("automated") is None:
            raise ComplaintError(f"--{option} is for automated syncs", fix="--sync-policy automated")
        found["automated"] = {**found["automated"], field: value}
    if chosen["sync_options"]:
        options = {each.partition("=")[0]: each for each in found.get("syncOptions") or ()}
        for text in chosen["sync_options"]:
            if text.startswith("!"):
                options.pop(text[1:].partition("=")[0], None)
            else:
                options[text.partition("=")[0]] = text
        found["syncOptions"] = list(options.values())
        if not options:
            found.pop("syncOptions")
    retry = _retry(found.get("retry") or {}, chosen)
    return found | ({"retry": retry} if retry else {})


def _retry(before: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(before)
    if chosen["sync_retry_limit"] is not None:
        found["limit"] = chosen["sync_retry_limit"]
    backoff = _texts(_BACKOFF, chosen)
    if chosen["sync_retry_backoff_factor"] is not None:
        backoff["factor"] = chosen["sync_retry_backoff_factor"]
    return found | ({"backoff": {**(found.get("backoff") or {}), **backoff}} if backoff else {})


def pair(text: str) -> tuple[str, str]:
    """`NAME=VALUE` as two. Raises ComplaintError where it is something else."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ComplaintError(f"{text!r}: write NAME=VALUE", code=Exit.USAGE)
    return name, value
