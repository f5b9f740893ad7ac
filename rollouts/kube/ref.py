"""Names of things: a Kind, a Ref to one object, and the Manifest it points at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as JSON. Never changed in place: whoever wants another value builds one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object as the API server knows it. `group` is "" for the core group."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True
    has_status: bool = True  # whether status is a subresource of its own

    def __hash__(self) -> int:  # kinds and references are keys everywhere: what tells them apart is enough
        return hash((self.group, self.plural))

    @property
    def api_version(self) -> str:
        """`group/version`, or `version` alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of an object's subresource."""
        parts = ["", "apis", self.group, self.version] if self.group else ["", "api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Ref:
    """One object by kind, namespace and name. Identity is the uid, which whoever decides must carry beside it."""

    kind: Kind
    namespace: str
    name: str

    def __hash__(self) -> int:
        return hash((self.kind.plural, self.namespace, self.name))

    @property
    def path(self) -> str:
        """The URL path of the object."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind.name}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind.name}/{self.name}"
