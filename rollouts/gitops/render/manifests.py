"""What may come out of a render: objects with apiVersion, kind and name, within bounds, each said where it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rollouts.gitops.source.errors import SourceError
from rollouts.kit import strictyaml

MANIFESTS_MAX = 20_000
DIRECTORY_BYTES_MAX = 10 << 20
OUTPUT_BYTES_MAX = 64 << 20
HELM = "helm"
TOOLS = (HELM, "kustomize")
MADE_FROM = b"# Source: "
SKIP_MARK = b"# +argocd:skip-file-rendering"


def parsed(body: bytes, where: str) -> list[tuple[str, Mapping[str, Any]]]:
    """(place, object) for each object of a file or of a tool's output. Raises SourceError with file, line and column.

    A place is file and line, or what a comment of Helm says.
    """
    if SKIP_MARK in body:
        return []
    try:
        documents = strictyaml.read(body, where)
    except strictyaml.YamlError as error:
        raise SourceError(str(error)) from None
    templates = _templates(body) if where == HELM else []
    found = []
    for document in documents:
        line, _ = document.position()
        if document.value:
            at = f"{where}:{line}"
            value = checked(document.value, at)
            template = next((path for begins, path in reversed(templates) if begins <= line), "")
            found.append((at if where not in TOOLS else template, value))
    return found


def _templates(body: bytes) -> list[tuple[int, str]]:
    """(line, path) of the comments by which Helm says where the objects below come from."""
    lines = enumerate(body.split(b"\n"), 1)
    return [(number, line[len(MADE_FROM) :].decode("utf-8", "replace").strip()) for number, line in lines
            if line.startswith(MADE_FROM)]  # fmt: skip


def checked(value: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The object, if it says what it is. Raises SourceError; never shows a value of the object."""
    for name in ("apiVersion", "kind"):
        if not isinstance(value.get(name), str) or not value[name]:
            raise SourceError(f"{where}: the object has no {name}")
    meta = value.get("metadata")
    kind = value["kind"]
    if not isinstance(meta, Mapping) or not (_is_name(meta.get("name")) or _is_name(meta.get("generateName"))):
        raise SourceError(f"{where}: {kind} has no metadata.name")
    for name in ("labels", "annotations"):
        for key, inner in (meta.get(name) or {}).items() if isinstance(meta.get(name) or {}, Mapping) else [("", 0)]:
            if not isinstance(inner, str):
                said = f"metadata.{name}{f'[{key}]' if key else ''}"
                raise SourceError(f"{where}: {kind} {meta.get('name')}: {said} must be a text: put it in quotes")
    return value


def packed(found: Iterable[Mapping[str, Any]]) -> bytes:
    """The manifests as one JSON array. Raises SourceError beyond the bounds."""
    objects = list(found)
    if len(objects) > MANIFESTS_MAX:
        raise SourceError(f"the source renders {len(objects)} objects, more than {MANIFESTS_MAX}")
    body = json.dumps(objects, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(body) > OUTPUT_BYTES_MAX:
        raise SourceError(f"the source renders more than {OUTPUT_BYTES_MAX >> 20} MiB")
    return body


def holds_secrets(found: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a Secret with values is among them: such a render enters no cache."""
    return any(
        each.get("kind") == "Secret" and each.get("apiVersion") == "v1" and (each.get("data") or each.get("stringData"))
        for each in found
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)
