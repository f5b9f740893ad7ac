"""From a URL path to what it names: a collection, an object, or one of its subresources."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from rollouts.devplane.definitions import Definition
from rollouts.devplane.errors import ApiError
from rollouts.devplane.store import Store
from rollouts.kube import kinds
from rollouts.kube.ref import Ref

SUBRESOURCES = frozenset({"", "status", "scale", "eviction"})
OF_CONTAINERS = frozenset({"log", "exec", "attach", "portforward", "proxy", "ephemeralcontainers"})


@dataclass(frozen=True, slots=True)
class Target:
    """A resource path. name "" means the collection."""

    definition: Definition
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def ref(self) -> Ref:
        """The object that the path names."""
        kind = self.definition.kind
        return Ref(kind, self.namespace if kind.namespaced else "", self.name)


class Resources:
    """The served resources by group, version and plural; follows CRDs as they come."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_path: dict[tuple[str, str, str], Definition] = {}
        self._refresh()
        store.listeners.append(lambda commit: self._refresh() if commit.kind == kinds.CRD else None)

    def _refresh(self) -> None:
        self._by_path = {(one.kind.group, one.kind.version, one.kind.plural): one for one in self._store.definitions}

    @property
    def all(self) -> tuple[Definition, ...]:
        """Every served kind."""
        return tuple(self._by_path.values())

    @property
    def groups(self) -> dict[str, list[str]]:
        """Served versions by group; the core group is "" and comes first."""
        found: dict[str, list[str]] = {}
        for group, version, _ in sorted(self._by_path):
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return found

    def target(self, path: str) -> Target:
        """What a path under /api or /apis names. Raises NotFound."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[0] == "api" and len(parts) >= 3:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[0] == "apis" and len(parts) >= 4:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            raise unknown_path()
        namespace = ""
        if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        definition = self._by_path.get((group, version, rest[0]))
        if definition is None or len(rest) > 3 or (namespace and not definition.kind.namespaced):
            raise unknown_path()
        name, subresource = (*rest[1:], "", "")[:2]
        if definition.kind == kinds.POD and subresource in OF_CONTAINERS:
            raise ApiError(
                501, "NotImplemented", f"pods/{subresource}: pods of the embedded cluster have no containers"
            )
        if subresource not in SUBRESOURCES or (subresource == "status" and not definition.kind.has_status):
            raise unknown_path()
        if subresource == "eviction" and definition.kind != kinds.POD:
            raise unknown_path()
        if name and definition.kind.namespaced and not namespace:
            raise unknown_path()
        return Target(definition, namespace, name, subresource)


def unknown_path() -> ApiError:
    """404 for a path that the server does not know."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})
