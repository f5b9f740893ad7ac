"""The objects of the sync core's stories: a small shop, its git, and questions about how it stands."""

from __future__ import annotations

from typing import Any

from rollouts.kube import kinds
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell.wiring import ROOMS
from rollouts.simulation.gitworld import CONTROL, Crash, GitWorld, an_application

APP = Ref(kinds.APPLICATION, CONTROL, "shop")
ONCE = {"syncPolicy": {"automated": {}, "retry": {"limit": 0}}}
AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}
HOOK, WAVE, POLICY = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook-delete-policy"
OPTIONS = "argocd.argoproj.io/sync-options"


def config(name: str, namespace: str = "", marks: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    meta = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        **({"annotations": marks} if marks else {}),
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def service(name: str) -> dict[str, Any]:
    spec = {"ports": [{"port": 80}], "selector": {"app": name}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def deployment(name: str, image: str = "web:1", replicas: int = 2, **marks: str) -> dict[str, Any]:
    container = {"name": "web", "image": image, "resources": {"limits": {"cpu": "1000m"}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    meta = {"name": name, **({"annotations": marks} if marks else {})}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def job(name: str, image: str = "migrate:1", **marks: str) -> dict[str, Any]:
    container = {"name": "migrate", "image": image}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    meta: dict[str, Any] = {"annotations": marks, **({"generateName": name} if name.endswith("-") else {"name": name})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"template": template, "backoffLimit": 0},
    }


def child(name: str, wave: int) -> dict[str, Any]:
    found = an_application(name, {"syncPolicy": AUTOMATED}, annotations={WAVE: str(wave)})
    found["spec"]["source"] = {**found["spec"]["source"], "targetRevision": name}
    return found


def ref(kind: Kind, name: str, namespace: str = "shop") -> Ref:
    return Ref(kind, namespace if kind.namespaced else "", name)


def a_world(
    *manifests: Manifest, spec: dict[str, Any] | None = None, crash: Crash | None = None, **meta: Any
) -> GitWorld:
    """A cluster with the namespace and one Application, and the manifests in git."""
    world = GitWorld(ROOMS["gitops"][0], crash=crash)
    world.bring({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    world.git.push(list(manifests))
    world.bring(an_application("shop", spec, **meta))
    return world


def automated(**more: Any) -> dict[str, Any]:
    return {"syncPolicy": {**AUTOMATED, **more}}


def status(world: GitWorld, app: Ref = APP) -> dict[str, Any]:
    found = world.get(app)
    return dict((found or {}).get("status") or {})


def sync_status(world: GitWorld, app: Ref = APP) -> str:
    return str((status(world, app).get("sync") or {}).get("status"))


def health(world: GitWorld, app: Ref = APP) -> str:
    return str((status(world, app).get("health") or {}).get("status"))


def state(world: GitWorld, app: Ref = APP) -> dict[str, Any]:
    return dict(status(world, app).get("operationState") or {})


def phase(world: GitWorld, app: Ref = APP) -> str:
    return str(state(world, app).get("phase"))


def rows(world: GitWorld) -> dict[str, dict[str, Any]]:
    """The rows of the latest sync by kind/name."""
    found = (state(world).get("syncResult") or {}).get("resources") or []
    return {f"{row['kind']}/{row['name']}": row for row in found}


def resources(world: GitWorld) -> dict[str, dict[str, Any]]:
    return {f"{row['kind']}/{row['name']}": row for row in status(world).get("resources") or []}


def conditions(world: GitWorld) -> dict[str, str]:
    return {each["type"]: each["message"] for each in status(world).get("conditions") or []}


def sync(world: GitWorld, wait_s: float = 60.0, **sync: Any) -> None:
    """Somebody asks for a sync and waits for its end."""
    before = state(world).get("startedAt")
    world.patch(APP, {"operation": {"sync": sync, "initiatedBy": {"username": "ann"}}})
    world.run(wait_s, until=lambda: state(world).get("startedAt") != before and bool(state(world).get("finishedAt")))


def refresh(world: GitWorld, how: str = "normal", wait_s: float = 5.0) -> None:
    world.patch(APP, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": how}}})
    world.run(wait_s)


def commits(world: GitWorld, verb: str, kind: Kind) -> list[str]:
    """The names of the objects of a kind that the controller wrote so."""
    return [ref.name for done, ref in world.writes if done == verb and ref.kind == kind]


def project(name: str, **spec: Any) -> dict[str, Any]:
    rules = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}], **spec}
    meta = {"name": name, "namespace": CONTROL}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": meta, "spec": rules}
