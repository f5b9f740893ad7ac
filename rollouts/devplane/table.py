"""Tables as `kubectl get` asks for them: the columns of built-in kinds, and those that a CRD declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from rollouts.devplane import selectors
from rollouts.devplane.definitions import Definition
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Manifest

Cell: TypeAlias = Callable[[Manifest], Any]

_AS_TABLE = re.compile(r"application/json;[^,]*as=Table[^,]*")
_VERSION = re.compile(r"v=(v1beta1|v1)\b")
_STEP = re.compile(
    r"\.?([\w-]+(?:\\\.[\w./-]+)*)"  # .name, with escaped dots
    r"|\[(\d+)\]"
    r"|\[\?\(@\.([\w.]+)\s*==\s*[\"']([^\"']*)[\"']\)\]"  # [?(@.type=="Ready")]
    r"|\['([^']+)'\]"
)


def wanted(accept: str) -> str:
    """The Table version that an Accept header asks for, "" where it wants objects."""
    if not (found := _AS_TABLE.search(accept)) or not (version := _VERSION.search(found.group())):
        return ""
    return version.group(1)


class Columns:
    """The columns of one kind."""

    def __init__(self, definition: Definition) -> None:
        self._columns = _custom(definition) if definition.is_custom else _built_in(definition.kind.name)

    def table(self, items: Iterable[Manifest], include: str, version: str, now: Instant) -> dict[str, Any]:
        """The items as rows. include: Object, Metadata (default) or None, as in the API."""
        rows = []
        for item in items:
            # A bookmark of a watch has no name: its row says only how far the watch has come.
            is_mark = "name" not in item["metadata"]
            row: dict[str, Any] = {"cells": [] if is_mark else [cell(item, now) for _, _, cell in self._columns]}
            if include != "None":
                row["object"] = item if include == "Object" or is_mark else _metadata_of(item)
            rows.append(row)
        return {
            "kind": "Table",
            "apiVersion": f"meta.k8s.io/{version}",
            "metadata": {},
            "columnDefinitions": [
                {"name": name, "type": "string", "format": _format(name), "description": name, "priority": priority}
                for name, priority, _ in self._columns
            ],
            "rows": rows,
        }


_Column: TypeAlias = tuple[str, int, Callable[[Manifest, Instant], Any]]


def _format(name: str) -> str:
    return "name" if name == "Name" else ""


def _metadata_of(item: Manifest) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def age(since: Instant | None, now: Instant) -> str:
    """How long ago in kubectl's short form: 12s, 5m30s, 3h, 4d."""
    if since is None:
        return "<unknown>"
    seconds = max(0, int(now.since(since)))
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 600:
        return f"{seconds // 60}m{seconds % 60}s" if seconds % 60 else f"{seconds // 60}m"
    if seconds < 3 * 3600:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 48 * 3600 else f"{seconds // 86400}d"


# --- values by path --------------------------------------------------------------------------------------------------


def at(manifest: Any, path: str) -> Any:
    """The value at a simple JSONPath (`.a.b[0].c`, `.a[?(@.type=="Ready")].status`); None where there is none."""
    value = manifest
    for field, index, key, equal, quoted in _STEP.findall(path):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        elif key:
            listed = value if isinstance(value, list) else []
            value = next((one for one in listed if at(one, f".{key}") == equal), None)
        else:
            name = (field or quoted).replace("\\.", ".")
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _path(path: str, default: Any = None) -> Callable[[Manifest, Instant], Any]:
    def cell(item: Manifest, _now: Instant) -> Any:
        value = at(item, path)
        return default if value is None else value

    return cell


def _age(item: Manifest, now: Instant) -> str:
    return age(Instant.parse(item["metadata"].get("creationTimestamp")), now)


def _custom(definition: Definition) -> list[_Column]:
    columns: list[_Column] = [("Name", 0, _path(".metadata.name"))]
    for column in definition.columns:
        path = column["jsonPath"]
        if column.get("type") == "date":
            cell: Callable[[Manifest, Instant], Any] = _date(path)
        else:
            cell = _path(path)
        columns.append((column["name"], int(column.get("priority") or 0), cell))
    if len(columns) == 1:
        columns.append(("Age", 0, _age))
    return columns


def _date(path: str) -> Callable[[Manifest, Instant], Any]:
    return lambda item, now: age(Instant.parse(at(item, path)), now)


# --- built-in kinds --------------------------------------------------------------------------------------------------


def _pod_ready(item: Manifest) -> str:
    statuses = at(item, ".status.containerStatuses") or []
    return f"{sum(bool(one.get('ready')) for one in statuses)}/{len(at(item, '.spec.containers') or [])}"


def _pod_status(item: Manifest) -> str:
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for one in at(item, ".status.containerStatuses") or []:
        if reason := at(one, ".state.waiting.reason"):
            return str(reason)
    return str(at(item, ".status.phase") or "Pending")


def _selector(item: Manifest) -> str:
    selector = at(item, ".spec.selector") or {}
    if "matchLabels" in selector or "matchExpressions" in selector:
        return selectors.to_text(selector)
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or "<none>"


def _ports(item: Manifest) -> str:
    ports = at(item, ".spec.ports") or []
    return ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in ports) or "<none>"


def _hosts(item: Manifest) -> str:
    return ",".join(rule["host"] for rule in at(item, ".spec.rules") or [] if rule.get("host")) or "*"


def _containers(field: str) -> Cell:
    return lambda item: ",".join(one.get(field, "") for one in at(item, ".spec.template.spec.containers") or [])


def _endpoints(item: Manifest) -> str:
    addresses = [address for one in item.get("endpoints") or [] for address in one.get("addresses") or []]
    return ",".join(addresses[:3]) or "<unset>"


def _plain(cell: Cell) -> Callable[[Manifest, Instant], Any]:
    return lambda item, _now: cell(item)


def _event_age(item: Manifest, now: Instant) -> str:
    stamp = item.get("lastTimestamp") or item.get("eventTime") or item["metadata"].get("creationTimestamp")
    return age(Instant.parse(stamp), now)


_BUILT_IN: Mapping[str, tuple[_Column, ...]] = {
    "Pod": (
        ("Ready", 0, _plain(_pod_ready)),
        ("Status", 0, _plain(_pod_status)),
        ("Restarts", 0, _path(".status.containerStatuses[0].restartCount", 0)),
        ("IP", 1, _path(".status.podIP", "<none>")),
        ("Node", 1, _path(".spec.nodeName", "<none>")),
    ),
    "ReplicaSet": (
        ("Desired", 0, _path(".spec.replicas", 0)),
        ("Current", 0, _path(".status.replicas", 0)),
        ("Ready", 0, _path(".status.readyReplicas", 0)),
        ("Containers", 1, _plain(_containers("name"))),
        ("Images", 1, _plain(_containers("image"))),
        ("Selector", 1, _plain(_selector)),
    ),
    "Deployment": (
        ("Ready", 0, lambda item, _: f"{at(item, '.status.readyReplicas') or 0}/{at(item, '.spec.replicas') or 0}"),
        ("Up-to-date", 0, _path(".status.updatedReplicas", 0)),
        ("Available", 0, _path(".status.availableReplicas", 0)),
        ("Images", 1, _plain(_containers("image"))),
    ),
    "Service": (
        ("Type", 0, _path(".spec.type", "ClusterIP")),
        ("Cluster-IP", 0, _path(".spec.clusterIP", "<none>")),
        ("External-IP", 0, _path(".spec.externalName", "<none>")),
        ("Port(s)", 0, _plain(_ports)),
        ("Selector", 1, _plain(_selector)),
    ),
    "Ingress": (
        ("Class", 0, _path(".spec.ingressClassName", "<none>")),
        ("Hosts", 0, _plain(_hosts)),
        ("Address", 0, _path(".status.loadBalancer.ingress[0].ip", "")),
        ("Ports", 0, _plain(lambda item: "80, 443" if at(item, ".spec.tls") else "80")),
    ),
    "IngressClass": (("Controller", 0, _path(".spec.controller")),),
    "Job": (
        ("Status", 0, lambda item, _: "Complete" if at(item, ".status.completionTime") else "Running"),
        ("Completions", 0, lambda item, _: f"{at(item, '.status.succeeded') or 0}/{at(item, '.spec.completions')}"),
    ),
    "Namespace": (("Status", 0, _path(".status.phase", "Active")),),
    "Node": (("Status", 0, _path('.status.conditions[?(@.type=="Ready")].status', "Unknown")),),
    "Secret": (("Type", 0, _path(".type", "Opaque")), ("Data", 0, lambda item, _: len(item.get("data") or {}))),
    "ConfigMap": (("Data", 0, lambda item, _: len(item.get("data") or {})),),
    "Lease": (("Holder", 0, _path(".spec.holderIdentity")),),
    "EndpointSlice": (
        ("AddressType", 0, _path(".addressType")),
        ("Ports", 0, _path(".ports[0].port", "<unset>")),
        ("Endpoints", 0, _plain(_endpoints)),
    ),
}
_EVENT: tuple[_Column, ...] = (
    ("Last Seen", 0, _event_age),
    ("Type", 0, _path(".type")),
    ("Reason", 0, _path(".reason")),
    ("Object", 0, lambda i, _: f"{at(i, '.involvedObject.kind') or ''}/{at(i, '.involvedObject.name')}".lower()),
    ("Message", 0, _path(".message")),
    ("Name", 1, _path(".metadata.name")),
)


def _built_in(kind: str) -> list[_Column]:
    if kind == "Event":
        return list(_EVENT)
    if kind == "CustomResourceDefinition":
        return [("Name", 0, _path(".metadata.name")), ("Created At", 0, _path(".metadata.creationTimestamp"))]
    own = _BUILT_IN.get(kind, ())
    wide = [column for column in own if column[1]]
    return [("Name", 0, _path(".metadata.name")), *(one for one in own if not one[1]), ("Age", 0, _age), *wide]
