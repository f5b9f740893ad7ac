"""One application on a real plane: the canary of examples/01-canary-nginx, hastened, and what a story asks of it."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.plane.fixtures import AnyPlane
from tests.plane.lives import PREFIX
from tests.plane.plane import ROOT
from tests.plane.player import LABEL
from tests.plane.processes import LOOK_S, Child, free_port
from tests.realplane.watching import Watching

EXAMPLE = ROOT / "examples" / "01-canary-nginx"
STORY_S_MAX = 60.0
MERGE = "application/merge-patch+json"
_PATHS = {
    "Rollout": "/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts",
    "AnalysisTemplate": "/apis/argoproj.io/v1alpha1/namespaces/{}/analysistemplates",
    "AnalysisRun": "/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns",
    "Service": "/api/v1/namespaces/{}/services",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Event": "/api/v1/namespaces/{}/events",
}
_HASTE = (
    (r"duration: \d+s", "duration: {pause}"),
    (r"interval: \d+s", "interval: 1s"),
    (r"initialDelay: \d+s", "initialDelay: 0s"),
    (r"caleDownDelaySeconds: \d+", "caleDownDelaySeconds: 2"),
    (r"http://prometheus\S+", "{prometheus}"),
    (r"\[1m\]", "[5s]"),
    (r"web\.example\.com", "{host}"),  # two shops may stand on one plane, the earlier one being cleared away
)


class Shop:
    """The application `web` in a namespace of its own."""

    def __init__(self, plane: AnyPlane, namespace: str) -> None:
        self.plane, self.namespace = plane, namespace
        self.host = f"{namespace}.example.com"
        self.weights = Watching(plane.admin, f"{self.path('Ingress')}/web-web-canary")

    def path(self, kind: str) -> str:
        """The collection of a kind in the shop's namespace."""
        return _PATHS[kind].format(self.namespace)

    def open(
        self, prometheus: str = "http://127.0.0.1:9", pause: str = "1s", example: str = EXAMPLE.name, **told: str
    ) -> None:
        """Create an example's objects, with shorter waits; `told` is what the player is told about the pods."""
        for file in sorted((EXAMPLE.parent / example).glob("*.yaml")):
            text = file.read_text()
            for pattern, instead in _HASTE:
                text = re.sub(pattern, instead.format(pause=pause, prometheus=prometheus, host=self.host), text)
            for body in filter(None, map(self.arranged, yaml.safe_load_all(text))):
                if body["kind"] == "Rollout":
                    _play(body["spec"]["template"], told)
                self.plane.admin.ask("POST", self.path(body["kind"]), body)

    def arranged(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """An object of the example as this shop has it; None leaves it out."""
        return body

    def set_image(self, tag: str) -> None:
        """Release another version, as `kubectl rollouts set image` does."""
        template = self.rollout()["spec"]["template"]
        containers = [{**container, "image": f"demo/web:{tag}"} for container in template["spec"]["containers"]]
        self.patch({"spec": {"template": {"spec": {"containers": containers}}}})

    def patch(self, body: dict[str, Any]) -> None:
        """Change the Rollout by a merge patch."""
        self.plane.admin.ask("PATCH", f"{self.path('Rollout')}/web", body, MERGE)

    def rollout(self) -> dict[str, Any]:
        """The Rollout as it is now."""
        found: dict[str, Any] = self.plane.admin.ask("GET", f"{self.path('Rollout')}/web")
        return found

    def list(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind."""
        found: list[dict[str, Any]] = self.plane.admin.ask("GET", self.path(kind))["items"]
        return found

    def weight(self) -> int:
        """The weight on the canary Ingress now; 0 where there is none yet."""
        try:
            body = self.plane.admin.ask("GET", f"{self.path('Ingress')}/web-web-canary")
        except urllib.error.HTTPError:
            return 0
        return weight_of(body) or 0

    def until(self, what: str, is_so: Callable[[], bool], wait_s_max: float = STORY_S_MAX) -> None:
        """Wait for something to be seen."""
        give_up = time.monotonic() + wait_s_max
        while not is_so():
            if time.monotonic() > give_up:
                status = json.dumps(self.rollout().get("status"), indent=1)
                raise AssertionError(f"not seen in {wait_s_max:.0f} s: {what}; weight {self.weight()}, status {status}")
            time.sleep(LOOK_S)

    def until_phase(self, phase: str) -> dict[str, Any]:
        """Wait until the Rollout as last written is in a phase; returns it."""

        def is_so() -> bool:
            seen.append(self.rollout())
            status, meta = seen[-1].get("status", {}), seen[-1]["metadata"]
            is_current = status.get("observedGeneration") == str(meta["generation"])
            return bool(is_current and status.get("phase") == phase)

        seen: list[dict[str, Any]] = []
        self.until(f"phase {phase}", is_so)
        return seen[-1]

    def until_weight(self, weight: int) -> None:
        """Wait until the canary Ingress carries that weight."""
        self.until(f"weight {weight}", lambda: self.weight() == weight)


def weight_of(ingress: dict[str, Any]) -> int | None:
    """The weight that an Ingress names, None where it names none."""
    found = (ingress["metadata"].get("annotations") or {}).get("nginx.ingress.kubernetes.io/canary-weight")
    return None if found is None else int(found)


def _play(template: dict[str, Any], told: dict[str, str]) -> None:
    """Say how the pods of a template live, and that they do so on the player's nodes."""
    wishes = {PREFIX + name.replace("_", "-"): value for name, value in told.items()}
    template["metadata"]["annotations"] = wishes
    template["spec"]["nodeSelector"] = {LABEL: "true"}


@contextmanager
def opened(plane: AnyPlane, name: str) -> Iterator[Shop]:
    """A shop in a fresh namespace, removed afterwards."""
    namespace = f"t-{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')[:50].strip('-')}"
    plane.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    shop = Shop(plane, namespace)
    try:
        with shop.weights:
            yield shop
    finally:
        plane.admin.ask("DELETE", f"/api/v1/namespaces/{namespace}")


@contextmanager
def controller(shop: Shop, *flags: str) -> Iterator[Child]:
    """Our controller as a process of its own, looking after the shop alone."""
    child = start_controller(shop, *flags)
    try:
        yield child
    finally:
        if child.is_running:
            child.stop()


def start_controller(shop: Shop, *flags: str) -> Child:
    """Start it; whoever does so sees to its end."""
    health = free_port()
    return shop.plane.family.start(
        f"controller-{shop.namespace}",
        [
            str(Path(sys.executable).with_name("rollouts")), "controller", "--kubeconfig",
            str(shop.plane.controller.kubeconfig), "--namespace", shop.namespace, "--metrics-port", "-1",
            "--health-port", str(health), *(flags or ("--no-leader-elect",)),
        ],
    )  # fmt: skip
