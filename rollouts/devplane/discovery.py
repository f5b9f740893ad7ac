"""What a client asks before it asks for objects: groups, resources, versions, and which query parameters are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.devplane import explained, reviews
from rollouts.devplane.definitions import Definition
from rollouts.devplane.paths import Resources, unknown_path
from rollouts.kube import kinds

VERSION: Mapping[str, str] = {
    "major": "1",
    "minor": "35",
    "gitVersion": "v1.35.0+devplane",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "devplane",
}
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


def document(resources: Resources, path: str) -> Mapping[str, Any] | None:
    """The discovery document at a path, None where the path is not one of discovery's. Raises NotFound."""
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            groups = [_group(name, versions) for name, versions in _groups(resources).items() if name]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["apis", group] if group in _groups(resources):
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, _groups(resources)[group])
        case ["api", version]:
            return _resource_list(resources, "", version)
        case ["apis", group, version]:
            return _resource_list(resources, group, version)
        case ["openapi", "v3"]:
            return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in _roots(resources)}}
        case ["openapi", "v3", *rest] if "/".join(rest) in _roots(resources):
            return _openapi(resources, "/".join(rest))
    if parts[0] in ("apis", "openapi") and len(parts) < 4:
        raise unknown_path()
    return None


def _groups(resources: Resources) -> dict[str, list[str]]:
    """Versions by group: of what is kept, and of what is only asked."""
    return resources.groups | {group: [reviews.VERSION] for group in reviews.GROUPS}


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _of(resources: Resources, group: str, version: str) -> list[Definition]:
    found = [one for one in resources.all if (one.kind.group, one.kind.version) == (group, version)]
    if not found:
        raise unknown_path()
    return found


def _resource_list(resources: Resources, group: str, version: str) -> dict[str, Any]:
    listed = reviews.resources(group, version)
    for one in _of(resources, group, version) if not listed else ():
        listed += _resource(one)
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _resource(one: Definition) -> list[dict[str, Any]]:
    kind = one.kind
    base = {
        "name": kind.plural,
        "singularName": kind.name.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list(_VERBS),
    }
    if one.short_names:
        base["shortNames"] = list(one.short_names)
    if one.categories:
        base["categories"] = list(one.categories)
    found = [base]
    shared = {"singularName": "", "namespaced": kind.namespaced, "verbs": ["get", "patch", "update"]}
    if kind.has_status:
        found.append({"name": f"{kind.plural}/status", "kind": kind.name, **shared})
    if one.scale:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        found.append({"name": f"{kind.plural}/scale", **scale, **shared})
    if kind == kinds.POD:
        evict = {"group": "policy", "version": "v1", "kind": "Eviction", "namespaced": True, "verbs": ["create"]}
        found.append({"name": "pods/eviction", "singularName": "", **evict})
    return found


def _roots(resources: Resources) -> list[str]:
    return [
        f"apis/{group}/{version}" if group else f"api/{version}"
        for group, versions in resources.groups.items()
        for version in versions
    ]


def _openapi(resources: Resources, root: str) -> dict[str, Any]:
    """Enough of OpenAPI v3 for kubectl to leave validation to the server, and to explain every kind."""
    _, _, rest = root.partition("/")
    group, _, version = rest.rpartition("/")
    parameters = [{"name": name, "in": "query"} for name in ("dryRun", "fieldManager", "fieldValidation", "force")]
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for one in _of(resources, group, version):
        kind = one.kind
        gvk = {"group": kind.group, "version": kind.version, "kind": kind.name}
        inner = "namespaces/{namespace}/" if kind.namespaced else ""
        paths[f"/{root}/{inner}{kind.plural}/{{name}}"] = {
            "patch": {"parameters": parameters, "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": gvk}
        }
        name = ".".join([*reversed(group.split(".")), version, kind.name]) if group else f"{version}.{kind.name}"
        if one.is_custom:
            schema = dict(one.schema or {"type": "object"})
        else:
            below = explained.schemas(kind)
            schema = below.pop(kind.name)
            schemas |= below
        schemas[name] = schema | {"x-kubernetes-group-version-kind": [gvk]}
    info = {"title": "devplane", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}
