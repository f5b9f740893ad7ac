"""Directories of YAML, JSON and Jsonnet: which files belong to the application, and what its Jsonnet imports."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.gitops.render.files import Files, below, find, listing, within
from rollouts.gitops.render.job import Job
from rollouts.gitops.render.spec import Spec, substituted
from rollouts.gitops.source.errors import SourceError
from rollouts.kit.canonical import sorted_json
from rollouts.kit.glob import matches
from rollouts.kit.parts import part

SUFFIXES = (".yaml", ".yml", ".json", ".jsonnet")
JOB_FILE = ".rollouts-jsonnet.json"
IMPORTS_MAX = 2000
# Jsonnet's grammar allows nothing but a text literal after `import`, so what it reads can be read off. Texts may look
# like comments and comments like texts; what is not closed reaches to the end, so that nothing is looked at twice.
_COMMENT = r"//[^\n]*|\#[^\n]*|/\*.*?(?:\*/|\Z)"
_TEXT = r"""@"[^"]*"?|@'[^']*'?|"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?"""
_BLOCK = r"\|\|\|-?[ \t]*\n.*?(?:\n[ \t]*\|\|\||\Z)"
_IMPORT = re.compile(rf"\bimport(?:str|bin)?(?:\s|{_COMMENT})*+({_TEXT})|{_COMMENT}|{_BLOCK}|{_TEXT}", re.S)


def job(files: Files, path: str, spec: Spec, environment: Mapping[str, str]) -> Job:
    """The render of a directory."""
    options = spec.option("directory")
    chosen = {
        at: oid for at, oid in _candidates(files, path, bool(options.get("recurse"))) if _is_in(at, path, options)
    }
    read = {at: (files, oid) for at, oid in chosen.items()}
    scripts = tuple(at for at in chosen if at.endswith(".jsonnet"))
    manifests = tuple(at for at in chosen if not at.endswith(".jsonnet"))
    if not scripts:
        return Job("Directory", read, manifests=manifests)
    said = part(options, "jsonnet")
    libraries = tuple(within("", substituted(str(each), environment)) for each in said.get("libs") or ())
    for at, oid in _imports(files, scripts, libraries):
        read[at] = (files, oid)
    words = {
        "scripts": scripts,
        "libraries": libraries,
        "external": _variables(said.get("extVars"), environment),
        "arguments": _variables(said.get("tlas"), environment),
    }
    written = {JOB_FILE: sorted_json(words).encode()}
    return Job("Directory", read, written, ("jsonnet", JOB_FILE), manifests=manifests)


def _candidates(files: Files, path: str, recurse: bool) -> Iterator[tuple[str, str]]:
    if recurse:
        yield from below(files, path)
        return
    for name in sorted(listing(files, path)):
        at = f"{path}/{name}" if path else name
        if name.endswith(SUFFIXES) and (entry := find(files, at)) and entry.kind == "file":
            yield at, entry.oid


def _is_in(at: str, path: str, options: Mapping[str, Any]) -> bool:
    if not at.endswith(SUFFIXES):
        return False
    name = at[len(path) :].lstrip("/")
    exclude, include = str(options.get("exclude") or ""), str(options.get("include") or "")
    if posixpath.basename(at).startswith(".argocd-source"):
        return False
    return not (exclude and matches(exclude, name)) and (not include or matches(include, name))


def _variables(given: object, environment: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """(name, value, whether the value is code)."""
    if not isinstance(given, list):
        return []
    return [
        (str(each.get("name")), substituted(str(each.get("value") or ""), environment), bool(each.get("code")))
        for each in given
        if isinstance(each, Mapping) and each.get("name")
    ]


def _imports(files: Files, scripts: tuple[str, ...], libraries: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(path, oid) of everything that the scripts import, directly or not."""
    todo, seen = list(scripts), set(scripts)
    while todo:
        here = todo.pop()
        entry = find(files, here)
        if entry is None or entry.kind != "file":
            continue
        text = files.read(entry.oid).decode("utf-8", "replace")
        for literal in (found for found in _IMPORT.findall(text) if found):
            at = _imported(files, here, literal.removeprefix("@")[1:-1], libraries)
            if at in seen:
                continue
            if len(seen) > IMPORTS_MAX:
                raise SourceError(f"{here}: more than {IMPORTS_MAX} imports")
            seen.add(at)
            todo.append(at)
            found_entry = find(files, at)
            assert found_entry is not None, "an import that is not there was refused"
            yield at, found_entry.oid


def _imported(files: Files, here: str, target: str, libraries: tuple[str, ...]) -> str:
    if target.startswith("/"):
        raise SourceError(f"{here}: import of the absolute path {target[:200]!r}")
    problem = f"{here}: imports {target[:200]!r}, which is not in the repository"
    for base in (posixpath.dirname(here), *libraries):
        try:
            at = within(base, target)
        except SourceError:
            problem = f"{here}: import of {target[:200]!r} leads out of the repository"
            continue
        if (entry := find(files, at)) and entry.kind == "file":
            return at
    raise SourceError(problem)
