"""Every right that is granted is used: what rooms read stands in the wiring, what they write is read off their code."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import yaml

from rollouts.kube import kinds
from rollouts.kube.ref import Kind
from rollouts.shell.wiring import ROOMS
from rollouts.traffic import DIALECTS, OLDER, ambassador, appmesh, istio, smi
from tests.tidy.source import modules

Right: TypeAlias = tuple[str, str, str]

RBAC = Path(__file__).parents[2] / "deploy" / "rbac"
READ = ("get", "list", "watch")
VERBS = {
    "Create": "create",
    "Apply": "patch",
    "Patch": "patch",
    "status_patch": "patch",
    "Delete": "delete",
    "Evict": "create",
}
PACKAGES = {
    "delivery": ("rollouts.delivery", "rollouts.traffic"),
    "runs": ("rollouts.runs",),
    "experiments": ("rollouts.experiments",),
}
ROOTS = {"delivery": kinds.ROLLOUT, "runs": kinds.ANALYSIS_RUN, "experiments": kinds.EXPERIMENT}
CARRIED = {
    "route.ref": kinds.INGRESS,
    "made_ref": kinds.INGRESS,
    "service.ref": kinds.SERVICE,
    "workload.ref": kinds.DEPLOYMENT,
    "each.place.ref": kinds.REPLICA_SET,
}
"""What a reference that a value carries along points at, by how the code writes it; `seen.ref` is the room's root."""
FRAMES = ("rollouts.traffic.inplace", "rollouts.traffic.made")
"""They write what the dialects name; see `routed`."""
TOLD = {("", "events", "create"), ("", "events", "patch")}
BESIDE = {
    # An owner reference that blocks its owner's deletion needs this where the API server enforces it.
    "delivery": {("argoproj.io", "rollouts/finalizers", "update")},
    # rollouts/shell/asks/secrets.py fills a question's slots as it leaves.
    "runs": {("", "secrets", "get")},
    "experiments": {("argoproj.io", "experiments/finalizers", "update")},
}


def granted(*names: str) -> set[Right]:
    """The rights in these files."""
    found = [each for name in names for each in yaml.safe_load_all((RBAC / f"{name}.yaml").read_text())]
    return {
        (group, resource, verb)
        for each in found
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def read(room: str) -> set[Right]:
    """The rights to look at what the wiring watches for a room."""
    (wired,) = (each for rooms in ROOMS.values() for each in rooms if each.kind == ROOTS[room])
    return {(kind.group, kind.plural, verb) for kind in (wired.kind, *wired.reads, *wired.on_demand) for verb in READ}


def written(room: str) -> set[Right]:
    """The rights to what the code of a room plans."""
    found = [module for module in modules() if module.name.startswith(PACKAGES[room])]
    trees = [module.tree for module in found if module.name not in FRAMES]
    return {right for tree in trees for right in writes(tree, ROOTS[room])}


def routed() -> set[Right]:
    """The rights to what the routers' dialects write."""
    changed = [kind for dialect in DIALECTS.values() for kind in dialect.kinds]
    made = [kind for dialect in (smi.DIALECT, ambassador.DIALECT) for kind in dialect.kinds]
    changed += [older for kind in changed for older in OLDER.get(kind, ())]
    selecting = [istio.DESTINATION_RULE, appmesh.NODE]
    return {(kind.group, kind.plural, "patch") for kind in (*changed, *made, *selecting)} | {
        (kind.group, kind.plural, verb) for kind in made for verb in ("create", "delete")
    }


def writes(tree: ast.Module, root: Kind) -> Iterator[Right]:
    """A right for each action that a module makes."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        made = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in VERBS:
                kind = kind_of(call.args[0], made, root)
                part = {"status_patch": "/status" if kind.has_status else "", "Evict": "/eviction"}.get(name, "")
                yield kind.group, kind.plural + part, VERBS[name]


def kind_of(node: ast.expr, made: dict[str, ast.expr], root: Kind) -> Kind:
    """The kind that an action's first argument points at: `Ref(kinds.X, …)`, a name for one, or one that is carried."""
    if isinstance(node, ast.Name) and node.id in made:
        node = made[node.id]
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Ref", "obj.ref"):
        node = node.args[0]
    text = ast.unparse(node)
    if text.startswith("kinds."):
        return getattr(kinds, text.removeprefix("kinds."))
    assert text == "seen.ref" or text in CARRIED, f"to what does {text} point?"
    return root if text == "seen.ref" else CARRIED[text]


def sorted_difference(have: Iterable[Right], want: Iterable[Right]) -> dict[str, list[Right]]:
    """What is granted and not used, and the other way round."""
    return {"unused": sorted(set(have) - set(want)), "missing": sorted(set(want) - set(have))}


def test_delivery_has_the_rights_that_it_uses_and_no_others() -> None:
    used = read("delivery") | written("delivery") | routed() | TOLD | BESIDE["delivery"]

    assert sorted_difference(granted("delivery", "cluster-scoped"), used) == {"unused": [], "missing": []}


def test_runs_has_the_rights_that_it_uses_and_no_others() -> None:
    used = read("runs") | written("runs") | TOLD | BESIDE["runs"]

    assert sorted_difference(granted("runs"), used) == {"unused": [], "missing": []}


def test_experiments_has_the_rights_that_it_uses_and_no_others() -> None:
    used = read("experiments") | written("experiments") | TOLD | BESIDE["experiments"]
    whole = granted("experiments") | {
        each for each in granted("cluster-scoped") if each[1] == kinds.CLUSTER_ANALYSIS_TEMPLATE.plural
    }

    assert sorted_difference(whole, used) == {"unused": [], "missing": []}


def test_what_lies_outside_namespaces_is_only_looked_at() -> None:
    assert {verb for _, _, verb in granted("cluster-scoped")} == set(READ)
