"""Helm: what `helm template` reads and which arguments it gets. Charts are fetched by us, so Helm needs no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.gitops.render.files import Entry, Files, below, content, find, within
from rollouts.gitops.render.job import Dependency, Job
from rollouts.gitops.render.spec import Spec, Surroundings, substituted
from rollouts.gitops.source.chart import checked_name
from rollouts.gitops.source.errors import SourceError
from rollouts.kit import semver, strictyaml
from rollouts.kit.canonical import sorted_json
from rollouts.kit.glob import matches_in_parts

VALUES_FILE = ".rollouts-values.json"
REFS = ".rollouts-refs"
DEPENDENCIES_MAX = 100
_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_GLOB = re.compile(r"[*?\[{]")
_HINTS = (
    ('function "args" not defined', 'an AnalysisTemplate\'s {{args.x}} is read by Helm: write {{ "{{args.x}}" }}'),
    ("found in Chart.yaml, but missing in charts/", "add the dependency's repository as a repository Secret"),
)

Refs = Mapping[str, Files]


def job(files: Files, path: str, spec: Spec, around: Surroundings, more: tuple[Mapping[str, str], Refs]) -> Job:
    """The render of a chart. more: the build variables, and the files of the sources that have a `ref`."""
    environment, refs = more
    options = spec.option("helm")
    chart = _yaml(files, f"{path}/Chart.yaml" if path else "Chart.yaml")
    if chart is None:
        raise SourceError(f"{path or '.'}: there is no Chart.yaml")
    read = {at: (files, oid) for at, oid in below(files, path)}
    dependencies = tuple(_dependencies(files, path, chart, read))
    arguments: list[str] = []
    for given in options.get("valueFiles") or ():
        found = list(_files(files, path, substituted(str(given), environment), refs))
        if not found and not options.get("ignoreMissingValueFiles"):
            raise SourceError(f"spec.source.helm.valueFiles: {given} is not in the repository")
        for at, (source, entry) in found:
            read[at] = (source, entry.oid)
            arguments.append(f"--values={_one(_relative(path, at))}")
    written = {}
    if (values := _values(options)) is not None:
        written[VALUES_FILE] = values
        arguments.append(f"--values={_relative(path, VALUES_FILE)}")
    for given in options.get("fileParameters") or ():
        found = list(_files(files, path, substituted(str(given.get("path") or ""), environment), refs))
        if len(found) != 1:
            raise SourceError(f"spec.source.helm.fileParameters: {given.get('path')} is not in the repository")
        if re.search("[,=]", name := str(given.get("name"))):
            raise SourceError(f"spec.source.helm.fileParameters: {name[:100]!r} is no name of a value")
        at, (source, entry) = found[0]
        read[at] = (source, entry.oid)
        # Helm takes what follows a comma for another name, with a file of this machine behind it.
        file = re.sub(r"([\\,])", r"\\\1", _relative(path, at))
        arguments.append(f"--set-file={name}={file}")
    arguments += list(_parameters(options, environment))
    argv = ("helm", "template", ".", *_flags(options, around), *arguments)
    return Job("Helm", read, written, argv, cwd=path, dependencies=dependencies)


def hint(problem: str) -> str:
    """What to do about an error of Helm's, "" where there is nothing to say."""
    return next((text for mark, text in _HINTS if mark in problem), "")


def _flags(options: Mapping[str, Any], around: Surroundings) -> Iterator[str]:
    # An Application of another namespace is tracked as `<namespace>_<name>`, which is no name of a release.
    release = str(options.get("releaseName") or around.app_name.rpartition("_")[2])
    if not _RELEASE.fullmatch(release) or len(release) > 53:
        raise SourceError(
            f"spec.source.helm.releaseName: {release!r} is no name of a release (53 signs of a-z, 0-9, -)"
        )
    yield f"--name-template={release}"
    if namespace := str(options.get("namespace") or around.namespace):
        yield f"--namespace={namespace}"
    if version := str(options.get("kubeVersion") or around.kube_version):
        yield f"--kube-version={version.removeprefix('v')}"
    for each in options.get("apiVersions") or around.api_versions:
        yield f"--api-versions={each}"
    if not options.get("skipCrds"):
        yield "--include-crds"
    if options.get("skipTests"):
        yield "--skip-tests"
    if options.get("skipSchemaValidation"):
        yield "--skip-schema-validation"


def _parameters(options: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """`--set` for each parameter; a comma that stands outside braces belongs to the value."""
    for each in options.get("parameters") or ():
        value = substituted(str(each.get("value") or ""), environment)
        if not (value.startswith("{") and value.endswith("}")):
            value = re.sub(r"(?<!\\),", r"\\,", value)
        yield f"{'--set-string' if each.get('forceString') else '--set'}={each.get('name')}={value}"


def _values(options: Mapping[str, Any]) -> bytes | None:
    """`valuesObject`, or `values`, as one file."""
    if (given := options.get("valuesObject")) is not None:
        return sorted_json(given).encode()
    text = options.get("values")
    return str(text).encode() if text else None


def _files(files: Files, path: str, given: str, refs: Refs) -> Iterator[tuple[str, tuple[Files, Entry]]]:
    """(scratch path, where it is) of each file that a path or pattern means: of this repository, or `$ref/…`."""
    if given.startswith("$"):
        name, _, rest = given[1:].partition("/")
        if name not in refs:
            raise SourceError(f"spec.source.helm: {given[:100]}: no source has the ref {name!r}")
        source, prefix, at = refs[name], f"{REFS}/{name}/", within("", rest)
    elif "://" in given or re.match(r"[a-z+]+:", given):
        raise SourceError(f"spec.source.helm: {given[:100]}: files from a URL are off")
    else:
        source, prefix, at = files, "", within(path, given)
    if _GLOB.search(at):
        folder = _GLOB.split(at)[0].rpartition("/")[0]
        pattern = at.replace("**/", "{,**/}")  # two stars stand for folders, or for none
        found = below(source, folder) if find(source, folder) else ()
        names = sorted(each for each, _ in found if matches_in_parts(pattern, each))
    else:
        names = [at]
    for name in names:
        if (entry := find(source, name)) and entry.kind == "file":
            yield prefix + name, (source, entry)


def _dependencies(
    files: Files, path: str, chart: Mapping[str, Any], read: dict[str, tuple[Files, str]]
) -> Iterator[Dependency]:
    """The charts that are wanted and not in `charts/`; those of the same repository are copied there."""
    wanted = chart.get("dependencies") or (_yaml(files, _join(path, "requirements.yaml")) or {}).get("dependencies")
    locked = {
        str(each.get("name")): str(each.get("version"))
        for name in ("Chart.lock", "requirements.lock")
        for each in (_yaml(files, _join(path, name)) or {}).get("dependencies") or ()
    }
    folder = find(files, _join(path, "charts"))
    present = set(files.entries(folder.oid)) if folder and folder.kind == "dir" else set()
    for each in (wanted if isinstance(wanted, list) else ())[:DEPENDENCIES_MAX]:
        name, repository = checked_name(str(each.get("name"))), str(each.get("repository") or "")
        version = locked.get(name) or str(each.get("version") or "")
        if name in present or any(_is_archive_of(file, name) for file in present):
            continue
        into = _join(path, f"charts/{name}")
        if repository.startswith("file://"):
            source = within(path, repository.removeprefix("file://"))
            for at, oid in below(files, source):
                read[into + at[len(source) :]] = (files, oid)
        elif repository.startswith(("https://", "http://", "oci://")):
            yield Dependency(name, version, repository, into)
        else:
            raise SourceError(
                f"{path}/Chart.yaml: dependency {name} is not in charts/, and its repository is no address"
            )


def _is_archive_of(file: str, name: str) -> bool:
    stem = file.removesuffix(".tgz")
    return stem != file and stem.startswith(f"{name}-") and semver.version(stem[len(name) + 1 :]) is not None


def _yaml(files: Files, at: str) -> Mapping[str, Any] | None:
    body = content(files, at)
    if body is None:
        return None
    try:
        documents = strictyaml.read(body, at)
    except strictyaml.YamlError as error:
        raise SourceError(str(error)) from None
    return documents[0].value if documents else {}


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _one(file: str) -> str:
    """A path where Helm reads a line of CSV, in which a comma would begin another file of this machine."""
    return '"' + file.replace('"', '""') + '"' if re.search('[,"\\n]', file) else file


def _relative(path: str, at: str) -> str:
    """A scratch path as seen from the chart, never to be taken for an option."""
    return "./" + "../" * len([part for part in path.split("/") if part]) + at
