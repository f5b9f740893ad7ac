"""One Rollout led through every phase by the stock kubectl, which waits for conditions, and read by kstatus, too."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rollouts.devplane.child import program
from tests.plane.build import PlaneMissingError, kstatus
from tests.plane.fixtures import say_through
from tests.plane.leftout import leave_out
from tests.plane.lives import PREFIX

WAIT_S_MAX = 60
PAUSING = [{"setWeight": 20}, {"pause": {}}]
Told = list[tuple[str, str]]


@dataclass(slots=True)
class Waiter:
    """The Rollout `web` of a namespace, as kubectl and kstatus see it. told: (what it was in, what kstatus said)."""

    kubectl: str
    kstatus: Path
    kubeconfig: Path
    namespace: str
    told: Told = field(default_factory=list)

    def run(self, *arguments: str) -> str:
        """One command, which must succeed."""
        done = self._done(*arguments)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}\n{json.dumps(self.status())}"
        return done.stdout

    def wait(self, wish: str) -> None:
        """`kubectl wait --for=…`."""
        self.run("wait", "rollout/web", f"--for={wish}", f"--timeout={WAIT_S_MAX}s")

    def is_over(self, wish: str) -> bool:
        """Whether a wait of a second ends."""
        return self._done("wait", "rollout/web", f"--for={wish}", "--timeout=1s").returncode == 0

    def until_phase(self, phase: str) -> None:
        """Wait for a phase as written."""
        self.wait(f"jsonpath={{.status.phase}}={phase}")

    def patch(self, body: dict[str, Any], *flags: str) -> None:
        """`kubectl patch --type=merge`."""
        self.run("patch", "rollout", "web", "--type=merge", "-p", json.dumps(body), *flags)

    def command(self, **status: Any) -> None:
        """What the plugin writes."""
        self.patch({"status": status}, "--subresource=status")

    def release(self, version: str, ready_s: float) -> None:
        """A version whose update pauses at once, and whose pods take their time."""
        marks = {"version": version, f"{PREFIX}ready": str(ready_s)}
        strategy = {"canary": {"steps": PAUSING, "analysis": None}}
        self.patch({"spec": {"strategy": strategy, "template": {"metadata": {"annotations": marks}}}})

    def status(self) -> dict[str, Any]:
        """The status now."""
        found: dict[str, Any] = json.loads(self._got()).get("status") or {}
        return found

    def read(self, what: str) -> None:
        """Remember what kstatus makes of the Rollout now."""
        done = subprocess.run([self.kstatus], input=self._got(), capture_output=True, text=True, timeout=30, check=True)
        self.told.append((what, done.stdout.split()[0]))

    def _done(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        fixed = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.kubeconfig.parent}/cache", "-n", self.namespace]
        command = [self.kubectl, *fixed, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S_MAX + 30, check=False)

    def _got(self) -> str:
        fixed = [f"--kubeconfig={self.kubeconfig}", "-n", self.namespace, "get", "rollout", "web", "-o", "json"]
        return subprocess.run([self.kubectl, *fixed], capture_output=True, text=True, timeout=30, check=True).stdout


def waiter(request: pytest.FixtureRequest, kubeconfig: Path, namespace: str) -> Waiter:
    """A waiter, or the test is left out where there is no kubectl or no kstatus."""
    found = program("kubectl")
    if found is None:
        leave_out(request.config, "kubectl", "not on the PATH")
    try:
        reader = kstatus(say_through(request.config))
    except PlaneMissingError as error:
        leave_out(request.config, "kstatus", str(error))
    return Waiter(found, reader, kubeconfig, namespace)


def led_through_every_phase(web: Waiter, compat: str) -> Told:
    """Deploy, update, pause, abort, retry, promote, refuse, mend; returns what kstatus said at each."""
    web.wait("condition=Ready")
    web.read("Healthy")
    web.release("2", ready_s=2)
    web.wait("condition=Reconciling")
    web.wait("condition=Ready=False")
    web.read("Progressing")
    web.until_phase("Paused")
    web.wait("condition=Reconciling")
    web.read("Paused")
    web.command(abort=True)
    web.wait("condition=Stalled")
    web.wait("condition=Reconciling=False")
    web.read("Degraded")
    web.command(abort=False)
    web.wait("condition=Stalled=False")
    web.wait("condition=Reconciling")
    web.until_phase("Paused")
    web.command(promoteFull=True)
    web.wait("condition=Ready")
    web.wait("condition=Reconciling=False")
    web.read("Healthy")
    service = web.run("get", "rollout", "web", "-o", "jsonpath={.spec.strategy.canary.canaryService}")
    web.patch({"spec": {"strategy": {"canary": {"canaryService": "nobody"}}}})
    web.wait("condition=InvalidSpec" if compat == "argo" else "condition=Stalled")
    web.read("InvalidSpec")
    assert len(web.status()["conditions"]) == (1 if compat == "argo" else 4)
    web.patch({"spec": {"strategy": {"canary": {"canaryService": service}}}})
    web.wait("condition=Ready")
    web.read("Healthy")
    return web.told


EXPECTED: Told = [
    ("Healthy", "Current"),
    ("Progressing", "InProgress"),
    ("Paused", "InProgress"),
    ("Degraded", "Failed"),
    ("Healthy", "Current"),
    ("InvalidSpec", "Failed"),
    ("Healthy", "Current"),
]
"""What kstatus says wherever it can read the status; a text as observedGeneration it cannot."""


def expected(compat: str) -> Told:
    """What kstatus says at each phase in a form."""
    return [(what, "Error" if compat == "argo" else said) for what, said in EXPECTED]
