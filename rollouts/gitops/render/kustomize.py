"""Kustomize: which files a build reads, and the Application's overrides written into the kustomization.

A kustomization names its files one by one, so a build's reading is known before it runs, and a commit that touches none
of them renders nothing. What would fetch from the network or run a program from git is refused here by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.gitops.render.choose import KUSTOMIZATIONS
from rollouts.gitops.render.files import Files, content, find, within
from rollouts.gitops.render.job import Job
from rollouts.gitops.render.overrides import overridden
from rollouts.gitops.render.spec import Spec
from rollouts.gitops.source.errors import SourceError
from rollouts.kit import strictyaml
from rollouts.kit.canonical import sorted_json
from rollouts.kit.parts import items, objects, text

KUSTOMIZATIONS_MAX = 1000
_LISTS = ("resources", "bases", "components", "crds", "configurations", "transformers", "generators", "validators")
_PATCHES = ("patches", "patchesJson6902", "replacements")
_PLUGINS = ("transformers", "generators", "validators")
_TAG = re.compile(r"v?\d[\w.-]*|sha-[0-9a-f]+|[0-9a-f]{7,40}|latest|main|master")
_REMOTE = re.compile(r"://|^git::|^[\w.-]+@[\w.-]+:|^(?:github|gitlab|bitbucket)\.\w+[/:]|[?&](?:ref|version)=|//")


def job(files: Files, path: str, spec: Spec, environment: Mapping[str, str]) -> Job:
    """The build of a folder. Raises SourceError."""
    reading = _Reading(files, {}, [path])
    written: dict[str, bytes] = {}
    warnings = list(_ignored(spec))
    for here, at, said in reading.kustomizations():
        changed, encrypted = _without_ksops(files, here, said)
        for name, kind in (*_named(changed), *((each, "file") for each in encrypted)):
            reading.follow((at, here), name, kind)
        for plugin in _plugin_files(changed):
            target = within(here, plugin)
            for name in _plugin_reads(files, target):
                reading.follow((target, here), name, "file")
        if here == path:
            components = _components(files, here, spec.option("kustomize"))
            changed = overridden(changed, spec.option("kustomize"), environment, components)
            for name in components:
                reading.follow((at, here), name, "any")
        warnings += _tags_as_names(at, changed)
        if changed != said:
            written[at] = sorted_json(changed).encode()
    return Job("Kustomize", reading.read, written, ("kustomize", "build", path or "."), warnings=tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a build reads, as far as it was followed. todo: folders whose kustomization is still to be looked at."""

    files: Files
    read: dict[str, tuple[Files, str]]
    todo: list[str]

    def kustomizations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(folder, its file, what that says) of each kustomization, those that were followed meanwhile among them."""
        first, seen = self.todo[0], set[str]()
        while self.todo:
            here = self.todo.pop()
            if here in seen:
                continue
            seen.add(here)
            if len(seen) > KUSTOMIZATIONS_MAX:
                raise SourceError(f"{first}: more than {KUSTOMIZATIONS_MAX} kustomizations")
            at, said = _kustomization(self.files, here)
            entry = find(self.files, at)
            assert entry is not None, "the kustomization was read just now"
            self.read[at] = (self.files, entry.oid)
            yield here, at, said

    def follow(self, source: tuple[str, str], name: str, kind: str) -> None:
        """Note one thing that the kustomization `source` (its file and its folder) names."""
        at, here = source
        where = _local(self.files, here, name)
        entry = find(self.files, where) if where is not None else None
        if entry is not None and where is not None:
            if entry.kind == "file":
                self.read[where] = (self.files, entry.oid)
            elif entry.kind == "dir" and kind == "any":
                self.todo.append(where)
            else:
                raise SourceError(f"{at}: {name[:200]} is no file")
        elif _REMOTE.search(name):
            raise SourceError(
                f"{at}: {name[:200]} is a remote base, and a render has no network: keep it in the repository"
            )
        else:
            within(here, name)  # says if it leads out
            raise SourceError(f"{at}: {name[:200]} is not in the repository")


def _components(files: Files, here: str, options: Mapping[str, Any]) -> list[str]:
    """The components that the Application adds; those that are missing may be passed over."""
    wanted = [str(each) for each in options.get("components") or ()]
    if not options.get("ignoreMissingComponents"):
        return wanted
    return [each for each in wanted if _is_there(files, here, each)]


def _ignored(spec: Spec) -> Iterator[str]:
    if version := str(spec.option("kustomize").get("version") or ""):
        yield f"spec.source.kustomize.version: {version} is not looked at: one version of Kustomize renders all"


def _tags_as_names(at: str, said: Mapping[str, Any]) -> Iterator[str]:
    """What `kustomize edit set image web=v1.2.3` leaves behind: a tag where the name of an image belongs."""
    for each in objects(said, "images"):
        name = str(each.get("newName") or "")
        if _TAG.fullmatch(name) and not each.get("newTag") and not each.get("digest"):
            image = each.get("name")
            yield f"{at}: image {image} gets the name {name!r}, which looks like a tag: write {image}=*:{name}"


def _kustomization(files: Files, path: str) -> tuple[str, Mapping[str, Any]]:
    names = [f"{path}/{name}" if path else name for name in KUSTOMIZATIONS]
    present = [(name, body) for name in names if (body := content(files, name)) is not None]
    if not present:
        raise SourceError(f"{path or '.'}: there is no {KUSTOMIZATIONS[0]}")
    if len(present) > 1:
        raise SourceError(f"{path or '.'}: more than one kustomization file")
    at, body = present[0]
    try:
        documents = strictyaml.read(body, at)
    except strictyaml.YamlError as error:
        raise SourceError(str(error)) from None
    if len(documents) > 1:
        raise SourceError(f"{at}: one document is wanted, got {len(documents)}")
    said: Mapping[str, Any] = documents[0].value if documents else {}
    if said.get("helmCharts") or said.get("helmChartInflationGenerator"):
        raise SourceError(
            f"{at}: helmCharts fetches charts during the build, which is off; use a Helm source beside it"
        )
    return at, said


def _named(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, "any" or "file") of everything that a kustomization names; inline YAML is not a path."""
    for field in _LISTS:
        for each in items(said, field):
            if isinstance(each, str) and "\n" not in each:
                yield each, "any"
    for field in _PATCHES:
        for each in objects(said, field):
            if isinstance(each.get("path"), str):
                yield each["path"], "file"
    for each in items(said, "patchesStrategicMerge"):
        if isinstance(each, str) and "\n" not in each and not each.lstrip().startswith("{"):
            yield each, "file"
    for field in ("configMapGenerator", "secretGenerator"):
        for each in objects(said, field):
            yield from _generator_reads(each)
    if path := text(said, "openapi", "path"):
        yield path, "file"


def _generator_reads(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in said.get("files") or ():
        yield str(each).partition("=")[2] or str(each), "file"
    for each in (*(said.get("envs") or ()), *((said["env"],) if said.get("env") else ())):
        yield str(each), "file"


def _local(files: Files, here: str, name: str) -> str | None:
    try:
        where = within(here, name)
    except SourceError:
        if "://" in name:
            return None
        raise
    return where if find(files, where) is not None else None


def _is_there(files: Files, here: str, name: str) -> bool:
    return _local(files, here, name) is not None


def _plugin_files(said: Mapping[str, Any]) -> Iterator[str]:
    for field in _PLUGINS:
        yield from (each for each in items(said, field) if isinstance(each, str) and "\n" not in each)


def _plugin_reads(files: Files, target: str) -> Iterator[str]:
    """The files that a generator's or transformer's own configuration names."""
    for said in _documents(files, target):
        annotations = (said.get("metadata") or {}).get("annotations") or {}
        if "config.kubernetes.io/function" in annotations:
            raise SourceError(f"{target}: {said.get('kind')} runs a program from git, which is off")
        if isinstance(said.get("path"), str):
            yield said["path"]
        yield from (name for name, _ in _generator_reads(said))


def _without_ksops(files: Files, here: str, said: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    """The kustomization with the files of its ksops generators as resources: they are decrypted before the build."""
    generators, encrypted = [], []
    for each in items(said, "generators"):
        is_path = isinstance(each, str) and "\n" not in each and _is_there(files, here, each)
        found = [one for one in _documents(files, within(here, each)) if one.get("kind") == "ksops"] if is_path else []
        if not found:
            generators.append(each)
        for one in found:
            if one.get("secretFrom"):
                raise SourceError(f"{each}: ksops secretFrom is not built: list whole encrypted Secrets under files")
            folder = each.rpartition("/")[0]
            encrypted += [f"{folder}/{name}" if folder else str(name) for name in one.get("files") or ()]
    if not encrypted:
        return said, []
    changed = {**said, "generators": generators, "resources": [*items(said, "resources"), *encrypted]}
    return changed, encrypted


def _documents(files: Files, path: str) -> list[Mapping[str, Any]]:
    body = content(files, path)
    if body is None:
        return []
    try:
        return [document.value for document in strictyaml.read(body, path)]
    except strictyaml.YamlError as error:
        raise SourceError(str(error)) from None
