"""Writes `rollouts/devplane/protobuf.txt` from the Go modules of the real plane: run it when that one gets newer.

    python -m tests.devplane.protobuf_fields

A line is a message: its name, and for each field its number, marks, its name in JSON, and its type. Marks: `*` a list,
`%` a map from text, `~` its fields are ours, `!` told even where it is zero. Types: s text, i whole number, d number,
b boolean, y bytes, else a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parents[2] / "rollouts" / "devplane" / "protobuf.txt"
MODULES = Path.home() / "go" / "pkg" / "mod" / "k8s.io"
VERSION = "v0.35.4"
_ROOTS = """
core.v1.Namespace core.v1.Node core.v1.Pod core.v1.Service core.v1.Secret core.v1.ConfigMap core.v1.Event
core.v1.LimitRange core.v1.PersistentVolume core.v1.PersistentVolumeClaim core.v1.PodTemplate core.v1.ServiceAccount
core.v1.ReplicationController core.v1.ResourceQuota core.v1.Endpoints events.v1.Event
apps.v1.ReplicaSet apps.v1.Deployment apps.v1.StatefulSet apps.v1.DaemonSet apps.v1.ControllerRevision
batch.v1.Job batch.v1.CronJob autoscaling.v1.HorizontalPodAutoscaler autoscaling.v2.HorizontalPodAutoscaler
autoscaling.v1.Scale policy.v1.PodDisruptionBudget policy.v1.Eviction discovery.v1.EndpointSlice
networking.v1.Ingress networking.v1.IngressClass networking.v1.NetworkPolicy coordination.v1.Lease
rbac.v1.Role rbac.v1.RoleBinding rbac.v1.ClusterRole rbac.v1.ClusterRoleBinding
scheduling.v1.PriorityClass storage.v1.StorageClass authentication.v1.SelfSubjectReview
authorization.v1.SelfSubjectAccessReview authorization.v1.SelfSubjectRulesReview authorization.v1.SubjectAccessReview
meta.v1.DeleteOptions
"""
# Those that JSON shows as something else than an object; `protobuf.py` knows them by name.
WRITTEN_BY_HAND = {"Time", "MicroTime", "Quantity", "IntOrString", "RawExtension", "FieldsV1", "Duration", "ExtraValue"}
_SCALARS = {"string": "s", "bool": "b", "bytes": "y", "double": "d"} | dict.fromkeys(("int32", "int64"), "i")
_GO_FIELD = re.compile(r"^\s+(?:\w+\s+)?(\S+)\s+`json:\"([^\",]*)(,inline)?[^\"]*\" protobuf:\"\w+,(\d+),")
_PROTO_FIELD = re.compile(r"^\s+(optional|repeated|map<string, ([\w.]+)>)\s*([\w.]*)\s+(\w+) = (\d+)")
Fields = list[str]


def packages() -> dict[str, Path]:
    """Where the packages are, by the names that the .proto files have for them."""
    api, machinery = MODULES / f"api@{VERSION}", MODULES / f"apimachinery@{VERSION}" / "pkg"
    found = {f"k8s.io.api.{folder.parent.name}.{folder.name}": folder for folder in api.glob("*/v*") if folder.is_dir()}
    for name in ("apis/meta/v1", "runtime", "api/resource", "util/intstr"):
        found[f"k8s.io.apimachinery.pkg.{name.replace('/', '.')}"] = machinery / name
    return found


def short(name: str) -> str:
    """`meta.v1.Time` for `k8s.io.apimachinery.pkg.apis.meta.v1.Time`."""
    return re.sub(r"^k8s\.io\.(api|apimachinery\.pkg(\.apis)?)\.", "", name)


def messages(package: str, folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each message of a package: its name, and its fields as they are written, with the types that they lead to."""
    told = _told_in_go(folder)
    name, fields = "", list[tuple[str, str]]()
    for line in (folder / "generated.proto").read_text().splitlines():
        if opened := re.match(r"message (\w+) \{", line):
            name, fields = opened[1], []
        elif line.startswith("}") and name:
            yield short(f"{package}.{name}"), fields
            name = ""
        elif name and (field := _PROTO_FIELD.match(line)):
            kind, of_map, plain, called, number = field.groups()
            type_name = (of_map or plain).lstrip(".")
            if type_name not in _SCALARS and "." not in type_name:
                type_name = f"{package}.{type_name}"
            is_pointer, json_name, is_inline = told.get((name, number), (False, called, False))
            mark = "%" if of_map else "*" if kind == "repeated" else "~" if is_inline else "!" if is_pointer else ""
            code = _SCALARS.get(type_name) or short(type_name)
            fields.append((f"{number}{mark}{json_name or called}={code}", code))


def _told_in_go(folder: Path) -> dict[tuple[str, str], tuple[bool, str, bool]]:
    """By struct and number: whether it is a pointer, its name in JSON, and whether its fields are the struct's own."""
    found = {}
    for file in folder.glob("*types*.go"):
        struct = ""
        for line in file.read_text().splitlines():
            if opened := re.match(r"type (\w+) struct", line):
                struct = opened[1]
            elif field := _GO_FIELD.match(line):
                go_type, name, inline, number = field.groups()
                found[struct, number] = (go_type.startswith("*"), name, bool(inline))
    return found


def main() -> None:
    """Write the table of all messages that the roots lead to."""
    known = {
        name: fields
        for package, folder in packages().items()
        if (folder / "generated.proto").exists()
        for name, fields in messages(package, folder)
    }
    wanted, lines = _ROOTS.split(), dict[str, str]()
    while wanted:
        name = wanted.pop()
        if name in lines or name.rpartition(".")[2] in WRITTEN_BY_HAND:
            continue
        lines[name] = " ".join(field for field, _ in known[name])
        wanted += (code for _, code in known[name] if len(code) > 1)
    TARGET.write_text("".join(f"{name}: {lines[name]}\n" for name in sorted(lines)))


if __name__ == "__main__":
    main()
