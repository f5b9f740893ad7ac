"""What git wants: the rendered manifests as objects with a place, a wave and options, or the reasons why they are none.

A manifest that cannot be understood stops the whole sync: half of a commit is worse than none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from rollouts.gitops import hooks, options, tracking
from rollouts.gitops.hooks import Phase, Policy
from rollouts.gitops.keys import Key, key_of, split
from rollouts.gitops.options import Options
from rollouts.kit.parts import part
from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Manifest, Ref

Resolve: TypeAlias = Callable[[str, str], Kind | None]
ERRORS_MAX = 20
NAMES_BYTES_MAX = 900_000  # the status remembers every object by its name, and must fit into etcd
ROW_BYTES = 80
NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object of git. kind: None where the API server does not serve it.  phases: empty for no hook.

    manifest: with its namespace and the mark of its application.  options: its own over the application's.
    origin: the file and line that it stands at, "" where a tool made it.
    """

    key: Key
    version: str
    kind: Kind | None
    manifest: Manifest
    wave: int = 0
    phases: tuple[Phase, ...] = ()
    policies: tuple[Policy, ...] = ()
    options: Options = NO_OPTIONS
    generate_name: str = ""
    origin: str = ""

    @property
    def place(self) -> str:
        """The beginning of a sentence about it: the file that it stands in, where that is known."""
        return f"{self.origin}: " if self.origin else ""

    @property
    def is_hook(self) -> bool:
        """Whether it takes part in syncs alone, not in what is compared."""
        return bool(self.phases)

    @property
    def ref(self) -> Ref | None:
        """The object in the cluster, where its kind is served."""
        return Ref(self.kind, self.key.namespace, self.key.name) if self.kind else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects go. app: the name under which they are tracked.  label: one that names it too, "" for none."""

    app: str
    namespace: str
    options: Options
    resolve: Resolve
    label: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """All of it. errors: why it must not be synced.  warnings: (condition type, sentence)."""

    objects: tuple[Wanted, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> tuple[Wanted, ...]:
        """The objects that are compared."""
        return tuple(each for each in self.objects if not each.is_hook)


def read(manifests: Iterable[Manifest], place: Place, origins: Sequence[str] = ()) -> Desired:
    """Objects from manifests. The later of two of the same name stands, and a warning says so.

    origins: where each of them stands, where that is known.
    """
    found: dict[tuple[Key, str], Wanted] = {}
    errors: list[str] = []
    warnings: list[tuple[str, str]] = []
    listed = tuple(manifests)
    served = with_definitions(place.resolve, listed)
    for index, manifest in enumerate(listed):
        origin = origins[index] if index < len(origins) else ""
        at = f"{origin}: " if origin else ""
        if said := _shape_problem(manifest):
            errors.append(f"{at}{said}")
            continue
        try:
            one = replace(_one(manifest, replace(place, resolve=served)), origin=origin)
        except hooks.HookError as error:
            errors.append(f"{at}{manifest.get('kind')}/{manifest['metadata'].get('name', '')}: {error}")
            continue
        if not one.key.name and not one.is_hook:
            errors.append(f"{at}{one.key.kind}: metadata.name is missing (generateName is for hooks alone)")
            continue
        identity = (one.key, one.generate_name)
        if identity in found:
            said = f"Resource {one.key} appeared 2 times among application resources."
            warnings.append(("RepeatedResourceWarning", said))
        found[identity] = one
    if sum(len(str(key)) + ROW_BYTES for key, _ in found) > NAMES_BYTES_MAX:
        errors.append(f"{len(found)} objects are more than one status can remember: split the application")
    return Desired(tuple(found.values()), tuple(errors[:ERRORS_MAX]), tuple(warnings[:ERRORS_MAX]))


def permitted(desired: Desired, excludes: Callable[[Key], bool]) -> Desired:
    """All but what the settings leave alone, of which a warning tells."""
    out = [one for one in desired.objects if excludes(one.key)]
    if not out:
        return desired
    told = [f"Resource {one.key} is excluded in the settings" for one in out[:ERRORS_MAX]]
    warnings = (*desired.warnings, *(("ExcludedResourceWarning", said) for said in told))
    return replace(desired, objects=tuple(one for one in desired.objects if one not in out), warnings=warnings)


def with_definitions(resolve: Resolve, manifests: Iterable[Manifest]) -> Resolve:
    """The kinds that are served, and those that the manifests themselves define."""
    defined: dict[tuple[str, str], Kind] = {}
    for manifest in manifests:
        if isinstance(manifest, Mapping) and manifest.get("kind") == kinds.CRD.name:
            defined |= {(kind.api_version, kind.name): kind for kind in kinds_of(manifest)}
    return lambda api_version, name: resolve(api_version, name) or defined.get((api_version, name))


def kinds_of(definition: Manifest) -> tuple[Kind, ...]:
    """The kinds that a CustomResourceDefinition serves, one for each version; none where it cannot be read."""
    spec = part(definition, "spec")
    names, versions = spec.get("names"), spec.get("versions")
    if not isinstance(names, Mapping) or not isinstance(versions, list):
        return ()
    found = []
    for version in versions:
        if isinstance(version, Mapping) and version.get("served") is not False:
            has_status = "status" in (version.get("subresources") or {})
            words = (str(spec.get("group", "")), str(version.get("name")), str(names.get("kind")))
            namespaced = spec.get("scope") == "Namespaced"
            found.append(Kind(*words, str(names.get("plural")), namespaced=namespaced, has_status=has_status))
    return tuple(found)


def named(one: Wanted, name: str, place: Place) -> Wanted:
    """A hook with a name in the place of its generateName."""
    meta = {field: value for field, value in one.manifest["metadata"].items() if field != "generateName"}
    key = replace(one.key, name=name)
    manifest = {**one.manifest, "metadata": {**meta, "name": name}}
    return replace(one, key=key, manifest=tracking.marked(manifest, place.app, key, place.namespace, place.label))


def _one(manifest: Manifest, place: Place) -> Wanted:
    api_version, name = str(manifest["apiVersion"]), str(manifest["kind"])
    kind = place.resolve(api_version, name)
    meta = dict(manifest["metadata"])
    if kind is not None and not kind.namespaced:
        meta.pop("namespace", None)
    elif not meta.get("namespace") and place.namespace:
        meta["namespace"] = place.namespace
    whole = {**manifest, "metadata": meta}
    key = key_of(whole)
    phases = hooks.phases(whole)
    return Wanted(
        key=key,
        version=split(api_version)[1],
        kind=kind,
        manifest=tracking.marked(whole, place.app, key, place.namespace, place.label),
        wave=hooks.wave(whole),
        phases=phases,
        policies=hooks.policies(whole) if phases else (),
        options=options.of_object(whole).over(place.options),
        generate_name="" if meta.get("name") else str(meta.get("generateName") or ""),
    )


def _shape_problem(manifest: Any) -> str:
    """Why something is no object, "" where it is one."""
    if not isinstance(manifest, Mapping):
        return "a manifest is no object"
    meta = manifest.get("metadata")
    for field in ("apiVersion", "kind"):
        if not isinstance(manifest.get(field), str) or not manifest[field]:
            return f"a manifest has no {field}"
    if not isinstance(meta, Mapping) or not (meta.get("name") or meta.get("generateName")):
        return f"{manifest['kind']}: metadata.name is missing"
    for field in ("name", "namespace", "generateName"):
        if not isinstance(meta.get(field) or "", str):
            return f"{manifest['kind']}: metadata.{field} is no text"
    if any(sign in str(meta.get(field) or "") for field in ("name", "namespace", "generateName") for sign in "/\0"):
        return f"{manifest['kind']}/{meta.get('name')}: a name holds a sign that no name may"
    for field in ("annotations", "labels"):
        texts = meta.get(field)
        if texts is not None and not (
            isinstance(texts, Mapping) and all(isinstance(text, str | None) for text in texts.values())
        ):
            return f"{manifest['kind']}/{meta.get('name')}: metadata.{field} must hold texts only"
    return ""
