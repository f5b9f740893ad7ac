"""The Application's `kustomize` options, written into a kustomization as `kustomize edit` would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rollouts.gitops.render.spec import substituted
from rollouts.gitops.source.errors import SourceError
from rollouts.kit.parts import items, objects, part

KEEP = "*"  # in an image override: what the kustomization says already


def overridden(
    said: Mapping[str, Any], options: Mapping[str, Any], environment: Mapping[str, str], components: Iterable[str]
) -> Mapping[str, Any]:
    """The kustomization with the overrides; the same value where there are none."""
    changed = dict(said)
    for option in ("namePrefix", "nameSuffix", "namespace"):
        if options.get(option):
            changed[option] = str(options[option])
    if images := options.get("images"):
        changed["images"] = _images(changed.get("images"), images)
    if replicas := options.get("replicas"):
        changed["replicas"] = _replicas(changed.get("replicas"), replicas)
    if labels := options.get("commonLabels"):
        _label(changed, {str(key): str(value) for key, value in labels.items()}, options)
    if annotations := options.get("commonAnnotations"):
        values = {str(key): str(value) for key, value in annotations.items()}
        if options.get("commonAnnotationsEnvsubst"):
            values = {key: substituted(value, environment) for key, value in values.items()}
        present = _forced(changed, "commonAnnotations", values, force=bool(options.get("forceCommonAnnotations")))
        changed["commonAnnotations"] = {**present, **values}
    if patches := options.get("patches"):
        changed["patches"] = [*(changed.get("patches") or ()), *patches]
    if added := list(components):
        changed["components"] = [*(changed.get("components") or ()), *added]
    return changed


def image(text: str) -> dict[str, str]:
    """`name=new:tag`, `name:tag`, `name@sha256:…` as an entry of a kustomization's `images`."""
    name, equals, new = text.partition("=")
    reference = new if equals else name
    reference, _, digest = reference.partition("@")
    tag = ""
    colon = reference.rfind(":")
    if colon > reference.rfind("/"):  # a colon before a slash belongs to a registry's port
        reference, tag = reference[:colon], reference[colon + 1 :]
    if not equals:
        name, reference = reference, ""
    if not name or (not equals and not (tag or digest)):
        raise SourceError(f"spec.source.kustomize.images: {text!r}: write name:tag, name=new:tag or name@digest")
    entry = {"name": name, "newName": reference, "newTag": tag, "digest": digest}
    return {key: value for key, value in entry.items() if value}


def _images(present: object, wanted: object) -> list[dict[str, Any]]:
    entries = {str(each.get("name")): dict(each) for each in objects(present)}
    for text in items(wanted):
        entry = image(str(text))
        before = entries.get(entry["name"], {})
        kept = {key: before.get(key, "") if value == KEEP else value for key, value in entry.items()}
        entries[entry["name"]] = {key: value for key, value in kept.items() if value}
    return sorted(entries.values(), key=lambda each: str(each["name"]))


def _replicas(present: object, wanted: object) -> list[dict[str, Any]]:
    entries = {str(each.get("name")): dict(each) for each in objects(present)}
    for each in items(wanted):
        count = each.get("count")
        if isinstance(count, bool) or not str(count).isdigit():
            raise SourceError(f"spec.source.kustomize.replicas: {each.get('name')}: count {count!r} is no number")
        entries[str(each.get("name"))] = {"name": str(each.get("name")), "count": int(str(count))}
    return list(entries.values())


def _label(changed: dict[str, Any], labels: Mapping[str, str], options: Mapping[str, Any]) -> None:
    if not options.get("labelWithoutSelector"):
        present = _forced(changed, "commonLabels", labels, force=bool(options.get("forceCommonLabels")))
        changed["commonLabels"] = {**present, **labels}
        return
    entry: dict[str, Any] = {"pairs": dict(labels)}
    if options.get("labelIncludeTemplates"):
        entry["includeTemplates"] = True
    changed["labels"] = [*(changed.get("labels") or ()), entry]


def _forced(said: Mapping[str, Any], field: str, wanted: Mapping[str, str], *, force: bool) -> Mapping[str, Any]:
    """What is there already. Raises SourceError where a key would be replaced without `force…: true`."""
    present = part(said, field)
    twice = sorted(set(present) & set(wanted))
    if twice and not force:
        raise SourceError(f"spec.source.kustomize.{field}: {twice[0]} is in the kustomization already: set force")
    return present
